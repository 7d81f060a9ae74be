"""The vocabulary's enums, as the graph shows them. Importing this module registers them."""

from __future__ import annotations

from schema import agency, clocks, complaint, delivery, events, links, query, regions, status, writes
from schema.graph.directives import described

described(
    "SUBMITTED, VERIFIED, DISPOSED, IN_FOLLOW_UP, ANSWERED, CLOSED is the main way; "
    "clocks pause in the two waiting states. May grow.",
    SUBMITTED="Received, not yet looked at.",
    VERIFIED="Complete and fit to be handled.",
    AWAITING_INFORMATION="Clock paused.",
    DISPOSED="Sent to the unit that must act.",
    IN_FOLLOW_UP="Somebody is at work on it.",
    POSTPONED="Clock paused.",
    ANSWERED="Answered; closes unless the citizen replies.",
    CLOSED="Terminal, but may be reopened.",
    ARCHIVED="Terminal.",
    REJECTED="Terminal.",
    DUPLICATE="Terminal.",
    UNMAPPED="The agency uses a word that is mapped nowhere: see `nativeStatus`. Never guessed.",
)(status.ComplaintStatus)
described(
    "Kind of actor. May grow.",
    REPORTER="The citizen who complained.",
    AGENCY="An officer of an agency.",
    NATIONAL_ADMIN="The national system's administrators.",
    SYSTEM="A machine, by rule.",
)(status.ActorRole)

described(
    "Klasifikasi, as SP4N-LAPOR! has it. Sets the FINISH clock.",
    PENGADUAN_BERKADAR_PENGAWASAN="A complaint about abuse of office: goes to the inspectorate.",
    PENGADUAN_TIDAK_BERKADAR_PENGAWASAN="A complaint about a service.",
    ASPIRASI="A wish or proposal.",
    PERMINTAAN_INFORMASI="A request for information.",
)(complaint.Classification)
described(
    "May grow; OTHER keeps the agency's word in `nativeChannel`.",
    SYSTEM="Another system filed it.",
)(complaint.Channel)
described(
    "Kind of tindak lanjut. May grow.",
    INITIAL_RESPONSE="The first answer of whoever must act.",
    PROGRESS="How far it is.",
    FINAL_ANSWER="What was done in the end.",
    REPORTER_REPLY="The citizen wrote.",
    INFORMATION_REQUEST="The agency asks the citizen.",
)(complaint.FollowUpKind)
described(
    "Who gave the stars.",
    CITIZEN="The reporter.",
    AUTO="Filled in by the agency's system for a silent citizen.",
    ADMIN="An administrator.",
)(complaint.RatingSource)
described(
    "Why content fields are null, or that they are not. May grow.",
    AVAILABLE="Mirrored, or fetched in time.",
    STALE="The agency allows no copies; this one is older than its `max_age` and the agency did not answer.",
    UNAVAILABLE="The agency allows no copies and did not answer; one error with code SOURCE_UNAVAILABLE names it.",
    ERASED="Erased at the request of the person concerned, or by retention.",
)(complaint.ContentState)

described(
    "Limits can be overridden per agency and classification. May grow.",
    VERIFY="Verify and forward: 3 working days from submission.",
    FIRST_FOLLOW_UP="5 working days from disposition.",
    AUTO_CLOSE="Closes without a reply: 10 working days from the last follow-up.",
    FINISH="5, 14 or 60 working days by classification.",
)(clocks.ClockKind)

described(
    "Level of government.",
    NATIONAL="Ministries and national bodies.",
    PROVINCE="Provinsi.",
    DISTRICT="Kabupaten and kota.",
)(agency.AgencyLevel)
described(
    "Grade of a connector.",
    BRONZE="It reads.",
    SILVER="It reads well, and fails well.",
    GOLD="It keeps every rule of the contract.",
)(agency.ConnectorTier)
described(
    "What the hub may keep of an agency.",
    FULL="The redacted record is mirrored; queries never wait for the agency.",
    STATUS="Only id, status, agency, category, region and times are kept; content is fetched when asked for.",
)(agency.StoreMode)
described(
    "How reading an agency goes. May grow; treat an unknown one as DOWN.",
    OK="The mirror is as fresh as the agency's file asks.",
    STALE="Older than the agency's file allows.",
    DOWN="The last attempts failed.",
    PAUSED="By an operator.",
    NEVER_SYNCED="Not read yet.",
)(agency.SourceState)
described(
    "Why an agency can't be read or written. May grow; treat an unknown one as OTHER.",
    UNREACHABLE="No connection.",
    TIMEOUT="It did not answer in time.",
    TLS="Its certificate is not to be trusted.",
    AUTHENTICATION="It refused the hub's credentials.",
    RATE_LIMITED="It asked to be left alone for a while.",
    HTTP_ERROR="It answered with an error status.",
    BAD_PAYLOAD="HTML, cut, or otherwise not what was agreed.",
    PAGING_LOOP="The same page came again.",
    INCOMPLETE="Suspiciously few records; nothing was deleted.",
    MAPPING="Its answers no longer fit its file.",
    REJECTED="It said no to a write.",
    OTHER="Anything else.",
)(agency.SourceErrorCode)

described(
    "Kind of event. May grow; not sent unless asked for in EventFilter.kinds.",
    SUBMITTED="A complaint is new to the hub.",
    STATUS_CHANGED="The status moved.",
    FOLLOW_UP_ADDED="Somebody wrote.",
    TRANSFERRED="It changed hands.",
    CORRECTED="Content, category, place, flags or visibility changed.",
    LINKED="It was joined to another record.",
    RATED="It was rated.",
    CLOCK_BREACHED="A service-level clock ran out.",
    DELIVERY_CHANGED="A write to the agency moved.",
)(events.EventKind)
described(
    "How the hub learned of it. May grow.",
    SYNC="Found by reading the agency.",
    WEBHOOK="Pushed by the agency.",
    HUB="Written here.",
)(events.EventOrigin)

described(
    "What a write does. May grow.",
    SUBMIT="Files a complaint.",
    FOLLOW_UP="Adds a follow-up.",
    TRANSFER="Hands a complaint on.",
    STATUS_CHANGE="Moves the status.",
    RATING="Rates the resolution.",
    WITHDRAWAL="Withdraws a complaint.",
)(delivery.DeliveryKind)
described(
    "How far a write is. May grow.",
    QUEUED="Waits for its turn.",
    SENT="Sent, the agency has not confirmed it yet.",
    ACKNOWLEDGED="The agency has it.",
    REJECTED="The agency said no.",
    UNKNOWN="Sent, no answer: looked up before it is ever sent again.",
    DEAD="Given up; an operator must look.",
    HAND_DELIVERY="The agency takes no such write by machine: an officer hands it over.",
)(delivery.DeliveryState)
described("Outcome told by an officer.", DELIVERED="Becomes ACKNOWLEDGED.", REFUSED="Becomes REJECTED.")(
    writes.DeliveryOutcome
)
described(
    "How two records belong together. May grow.",
    FORWARDED_TO="This one was handed on to that one.",
    FORWARDED_FROM="This one was handed over by that one.",
    SAME_AS="Both tell of one matter.",
    DUPLICATE_OF="This one repeats that one.",
)(links.LinkKind)

described(
    "Why a write was refused. May grow with the unions.",
    INVALID_INPUT="The input breaks a rule that types can't say.",
    IDEMPOTENCY_CONFLICT="The key was used with another input.",
    NOT_PERMITTED="The viewer may not do this.",
    NOT_FOUND="There is none, or the viewer may not see it.",
    VERSION_CONFLICT="Somebody changed it meanwhile.",
    ILLEGAL_STATUS_MOVE="The status does not allow it.",
    ILLEGAL_TRANSFER="It can't be sent there.",
    ILLEGAL_DELIVERY_MOVE="The delivery is not in a state for that.",
)(writes.ProblemCode)
described(
    "Why it can't be sent there. May grow.",
    UNKNOWN_AGENCY="It is not plugged in here.",
    SAME_AGENCY="It holds the complaint already.",
    COMPLAINT_ENDED="Terminal status.",
    BOUNCE_LIMIT="Sent back too often: the national admin decides.",
)(writes.TransferRefusal)

described(
    "Who is asking. May grow.",
    PUBLIC="Everyone.",
    REPORTER="A citizen, for the complaints his tokens name.",
    LIAISON_OFFICER="Pejabat penghubung.",
    AGENCY_COORDINATOR="Admin instansi.",
    NATIONAL_ADMIN="Runs the national system.",
    OVERSIGHT="Ombudsman, KSP: reads all but identities, writes nothing.",
    INTEGRATOR="An agency's own system.",
)(query.Role)
described("Languages of labels and messages. May grow.", ID="Bahasa Indonesia.", EN="English.")(query.Language)
described(
    "Ties are broken by id; empty values come last both ways. May grow.",
    UPDATED_AT="By the last change.",
    SUBMITTED_AT="By receipt; paging yields each row once, whatever moves meanwhile.",
    DUE_AT="ASC is an officer's work queue: overdue first, then by what falls due.",
    RELEVANCE="Best first; only with `text`.",
)(query.ComplaintOrderField)
described("Ascending or descending.", ASC="Smallest or oldest first.", DESC="Largest or newest first.")(
    query.OrderDirection
)
described(
    "What counts are grouped by. May grow.",
    AGENCY="Agency that holds the record.",
    LEVEL="Level of that agency.",
    STATUS="Canonical status.",
    STATUS_ACTOR="Who made the last move: system or citizen.",
    CLASSIFICATION="Klasifikasi.",
    CATEGORY="Top category.",
    PROVINCE="Province of the incident.",
    REGENCY="Regency or city of the incident.",
    CHANNEL="Channel it came by.",
    MONTH="Of submission.",
)(query.StatisticsDimension)

described(
    "By number of code groups.",
    PROVINCE="Provinsi: 36.",
    REGENCY="Kabupaten or kota: 36.03.",
    DISTRICT="Kecamatan: 36.03.01.",
    VILLAGE="Kelurahan or desa: 36.03.01.2001.",
)(regions.RegionLevel)
