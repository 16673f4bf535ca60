package sotto_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// busy are two users in the midst of everything: messages unread, waiting, and held, and two devices.
func busy(t *testing.T) (alice, bob *sottotest.Peer, words []string) {
	t.Helper()
	n := sottotest.NewNetwork(t)
	alice, bob = n.Create("wonderland-alice"), n.Create("builder-bob")
	alice.Meet(bob)
	bob.Meet(alice)
	alice.Join()
	n.SyncAll()
	bob.Send("wonderland-alice", "rabbit hole")
	receive(t, alice, alice.Fetch()...)
	sealText(t, alice, "builder-bob", "looking glass")
	sealText(t, alice, "wonderland-alice", "cheshire note")
	in := conversation(t, bob, "builder-bob", 1) // for no one
	for _, b := range in {
		receive(t, alice, b)
	}
	return alice, bob, []string{"wonderland", "builder", "rabbit", "looking", "cheshire", "text/plain"}
}

func TestAReportTellsNoSecretsNoNamesAndNoTexts(t *testing.T) {
	alice, bob, words := busy(t)
	report := must(alice.Report(background))
	b := string(must(json.Marshal(report)))
	for _, w := range words {
		for _, form := range []string{w, hex.EncodeToString([]byte(w)), base64.RawStdEncoding.EncodeToString([]byte(w))[:len(w)]} {
			if strings.Contains(b, form) {
				t.Errorf("the report shows %q", w)
			}
		}
	}
	if strings.Contains(b, bob.Device().String()) {
		t.Error("the report names a contact's device")
	}
	if !report.Active || report.Forked || report.Pending || report.Key != 0 || report.KeysKept != 1 || report.Unread != 1 ||
		report.Device != alice.Device().String() || !report.Now.Equal(start) || len(report.Contacts) != 2 {
		t.Errorf("report %+v", report)
	}
	for i, c := range report.Contacts {
		devices, messages := []int{2, 1}[i], []uint64{1, 2}[i]
		if c.Number != i || c.Devices != devices || c.WithKey != devices || len(c.Sessions) != 1 ||
			c.Sessions[0].Own != (i == 0) || c.Sessions[0].Messages != messages {
			t.Errorf("contact %+v", c)
		}
	}
	if o := report.Outbox; o[sotto.ParcelMessage] != 2 || o[sotto.ParcelEnvelope] != 1 || o[sotto.ParcelKey] != 0 {
		t.Errorf("outbox %v", o)
	}
}

func TestAReportOfADeviceThatJoins(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	root := must(alice.Contact(background, "alice")).Root()
	next := must(sotto.Join(t.Context(), store.Memory(), "alice", root, nil, newSecret()))
	if r := must(next.Report(background)); r.Active || r.Log != "" || len(r.Contacts) != 0 || r.KeysKept != 0 {
		t.Errorf("report %+v", r)
	}
}

// The clock is the one that was given.
func TestTheClockIsTheGivenOne(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	o := &sotto.Options{Now: func() time.Time { return now }}
	a := must(sotto.Create(t.Context(), store.Memory(), "alice", o, newSecret()))
	if r := must(a.Report(background)); !r.Now.Equal(now) {
		t.Errorf("now is %s", r.Now)
	}
}
