// Asks the public graph. The documents of the page are all here.

export const ADDRESS = new URL('graphql', document.baseURI);
const PATIENCE = 15_000;

/** An answer that holds errors, or none. */
export class GraphError extends Error {
  constructor(errors) {
    super(errors[0].message);
    this.code = errors[0].extensions?.code ?? null;
    this.extensions = errors[0].extensions ?? {};
  }
}

/** The data of an answer. Throws GraphError for what the hub refused, other errors for what did not reach it. */
export async function ask(query, variables = {}) {
  const answer = await fetch(ADDRESS, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
    cache: 'no-store',
    signal: AbortSignal.timeout(PATIENCE),
  });
  const { data, errors } = await answer.json();
  // Data beside errors is worth showing: one part of it could not be had.
  if (!data && errors) throw new GraphError(errors);
  return data;
}

/** The socket's address. */
export function socketAddress() {
  const address = new URL(ADDRESS);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  return address;
}

const SOURCE = `source {
  state asOf lagSeconds stale checkedAt error { code since id: message(language: ID) en: message(language: EN) }
}`;

/** Words, provinces, agencies: what does not change while the page is open. */
export const BASICS = `query Basics($language: Language!) {
  labels(language: $language) { enumName value label }
  regions { code name }
  agencies { id name regionCode }
}`;

const FIGURES = `
  agencies { id name regionCode ${SOURCE} }
  counts: statistics(filter: $filter, groupBy: [AGENCY, STATUS], first: 1000) { agency { id } status count overdue }
  places: statistics(filter: $places, groupBy: $dimension, first: 1000) { region { code name } count overdue }
  late: complaints(filter: $late, orderBy: { field: DUE_AT, direction: ASC }, first: 10) {
    totalCount nodes { id trackingId title status dueAt agency { id } }
  }`;

const GIVEN =
  '$filter: ComplaintFilter, $places: ComplaintFilter, $late: ComplaintFilter, $dimension: [StatisticsDimension!]!';

/** Everything that is counted. */
export const COUNTS = `query Counts(${GIVEN}) { ${FIGURES} }`;

/** The counts, and what changed last: what the stream goes on from is its \`asOf\`. */
export const SNAPSHOT = `query Snapshot(${GIVEN}, $recent: Int!) {
  asOf
  recent: complaints(filter: $filter, first: $recent) {
    nodes {
      id version trackingId title status updatedAt agency { id }
      timeline(last: 1) { fromStatus toStatus occurredAt nativeStatus { label } }
    }
  }
  ${FIGURES}
}`;

/** The parts of a region. */
export const REGION = `query Region($code: String!) {
  region(code: $code) { code name }
  regions(parentCode: $code) { code name }
}`;

/** One complaint's way through all systems. */
export const JOURNEY = `query Journey($id: ID, $trackingId: String, $agency: ID, $language: Language!) {
  complaint(id: $id, trackingId: $trackingId, agency: $agency) {
    id trackingId title text contentState url status statusReason submittedAt updatedAt dueAt overdue stale
    agency { id name } nativeStatus { label } category { name(language: $language) }
    incidentLocation { region { name parent { name } } }
    journey {
      hops bouncing complaints { id trackingId agency { id } }
      steps {
        kind occurredAt fromStatus toStatus followUpKind note
        agency { id } actor { role agency { id } } toAgency { name } complaint { id trackingId }
      }
    }
  }
}`;

/** All that is public, unfiltered: one stream feeds every tab, and each tab filters for itself. */
export const EVENTS = `subscription Events($after: String) {
  complaintEvents(after: $after, filter: {
    kinds: [SUBMITTED, STATUS_CHANGED, FOLLOW_UP_ADDED, TRANSFERRED, CORRECTED, LINKED, RATED, CLOCK_BREACHED]
  }) {
    __typename
    ... on StreamFrame { cursor }
    ... on StreamPosition { recovered gap head }
    ... on Lagged { reason retryAfterSeconds }
    ... on ComplaintEvent {
      kind complaintId version occurredAt agency { id }
      complaint { trackingId title status incidentLocation { regionCode } }
    }
    ... on StatusChanged { fromStatus toStatus nativeStatus { label } }
    ... on ComplaintTransferred { disposition { toAgency { name } } }
    ... on FollowUpAdded { followUp { kind } }
    ... on ClockBreached { clock { kind } }
  }
}`;

/** Each agency's source, whenever it changes. */
export const HEALTH = `subscription Health { agencyHealthChanged { id ${SOURCE} } }`;
