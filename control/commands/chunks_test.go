package commands

import (
	"testing"
	"time"

	"dispatcherd/daemon/message"
)

func TestChunksHasTheOriginalsShape(t *testing.T) {
	t.Parallel()
	f := &fake{
		chunks: message.ChunkStats{Received: 5, Successful: 1, Errored: 2, TimedOut: 3, Dropped: 9, Conflicts: 9, Active: 1},
		partials: []message.Partial{{MessageID: "id", Age: 1500 * time.Millisecond, Total: 4, Chunks: []message.PartialChunk{
			{Index: 0, Length: 77}, {Index: 2, Length: 0},
		}}},
	}
	const want = `{"partials": {"id": {"chunks": [{"chunk_id": 0, "length": 77}, {"chunk_id": 2, "length": 0}], ` +
		`"expected_total": 4, "seconds_since_start": 1.5}}, ` +
		`"status": {"active_messages": 1, "errored_assemblies": 2, "successful_assemblies": 1, "timed_out_assemblies": 3, "total_chunks_received": 5}}`
	if got := string(message.Encode(newTable(f).Do(t.Context(), "chunks", Call{}).Object())); got != want {
		t.Errorf("chunks answered %s, want %s", got, want)
	}
	const none = `{"partials": {}, "status": {"active_messages": 0, "errored_assemblies": 0, "successful_assemblies": 0, "timed_out_assemblies": 0, "total_chunks_received": 0}}`
	if got := string(message.Encode(newTable(&fake{}).Do(t.Context(), "chunks", Call{}).Object())); got != none {
		t.Errorf("chunks answered %s, want %s", got, none)
	}
}
