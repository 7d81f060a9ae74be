// GraphiQL over the hub's own graph: queries by POST, subscriptions over the WebSocket at the same address.

const QUERY = `# Ctrl-Enter asks. Ctrl-Space completes. The book at the left explains every field.

query Newest {
  complaints(first: 5) {
    totalCount
    sources { agency { id } state lagSeconds }
    nodes { trackingId title status agency { name } submittedAt }
  }
}

subscription Moves {
  complaintEvents {
    __typename
    ... on StreamFrame { cursor }
    ... on StatusChanged { fromStatus toStatus complaint { trackingId title agency { id } } }
  }
}
`;

const { React, ReactDOM, GraphiQL, graphqlWs } = globalThis;

const socket = new URL(location.pathname, location.href);
socket.protocol = socket.protocol.replace("http", "ws");
// It would begin anew with the first `after`, and tell everything twice: better say that the connection is lost.
const wsClient = graphqlWs.createClient({ url: socket.href, retryAttempts: 0 });

ReactDOM.createRoot(document.getElementById("explorer")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: location.pathname, wsClient }),
    defaultQuery: QUERY,
    shouldPersistHeaders: false,
  }),
);
