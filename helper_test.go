package sotto_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

var wantFault = faulttest.Want

var background = context.Background()

const day = 24 * time.Hour

// must is for results that cannot fail where it is used.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newSecret is one that costs nothing.
func newSecret() *lockbox.Secret { return lockbox.Wrapped(must(cose.GenerateKey(cose.A256GCM))) }

// sealText seals a text for a user and leaves it in the outbox.
func sealText(t testing.TB, from *sottotest.Peer, to, text string) (sotto.MessageID, []sotto.Parcel) {
	t.Helper()
	id := sotto.NewMessageID()
	parcels, err := from.Conversation(to).Seal(background, id, "text/plain", []byte(text))
	ok(t, err)
	return id, parcels
}

// data is what parcels carry.
func data(parcels []sotto.Parcel) [][]byte {
	var all [][]byte
	for _, p := range parcels {
		all = append(all, p.Data)
	}
	return all
}

func kinds(parcels []sotto.Parcel) []sotto.ParcelKind {
	var all []sotto.ParcelKind
	for _, p := range parcels {
		all = append(all, p.Kind)
	}
	return all
}

// pending are the parcels of a kind in the outbox.
func pending(t testing.TB, p *sottotest.Peer, kind sotto.ParcelKind) []sotto.Parcel {
	t.Helper()
	all, err := p.Pending(background)
	ok(t, err)
	return slices.DeleteFunc(all, func(p sotto.Parcel) bool { return p.Kind != kind })
}

// delivered says that nothing waits any more.
func delivered(t testing.TB, p *sottotest.Peer) {
	t.Helper()
	for _, parcel := range must(p.Pending(background)) {
		ok(t, p.Delivered(background, parcel))
	}
}

func receive(t testing.TB, p *sottotest.Peer, in ...[]byte) []sotto.Event {
	t.Helper()
	events, err := p.Receive(background, in...)
	ok(t, err)
	if len(events) < len(in) {
		t.Fatalf("%d events for %d inputs", len(events), len(in))
	}
	for i, e := range events {
		wholesome(t, e)
		if i < len(in) && e.ID != sum(in[i]) {
			t.Errorf("event %d is of another input", i)
		}
	}
	return events
}

// wholesome fails the test for an event that no honest Receive gives out.
func wholesome(t testing.TB, e sotto.Event) {
	t.Helper()
	if e.Why != 0 && e.Body != nil || e.Why == 0 && e.Kind == sotto.KindMessage && e.Body == nil || e.Kind == "" {
		t.Errorf("event of kind %q has reason %v and a body of %d bytes", e.Kind, e.Why, len(e.Body))
	}
	if e.Why == fault.Misuse || e.Why != 0 && e.Why.Name() == "unknown" {
		t.Errorf("event of kind %q has reason %v", e.Kind, e.Why)
	}
}

// texts are the messages among events.
func texts(events []sotto.Event) []string {
	var all []string
	for _, e := range events {
		if e.Kind == sotto.KindMessage && e.Why == 0 {
			all = append(all, string(e.Body))
		}
	}
	return all
}

// reasons are why events could not be used, without those that could.
func reasons(events []sotto.Event) []fault.Code {
	var all []fault.Code
	for _, e := range events {
		if e.Why != 0 {
			all = append(all, e.Why)
		}
	}
	return all
}

// only fails the test when events hold anything but exactly these messages.
func only(t testing.TB, events []sotto.Event, want ...string) {
	t.Helper()
	if have := texts(events); !slices.Equal(have, want) {
		t.Errorf("messages %q, want %q", have, want)
	}
	if why := reasons(events); why != nil {
		t.Errorf("with reasons %v", why)
	}
}

func wantWhy(t testing.TB, e sotto.Event, want fault.Code) {
	t.Helper()
	if e.Why != want {
		t.Errorf("event of kind %q has reason %v, want %v", e.Kind, e.Why, want)
	}
}

// has reports whether there is an event of a kind.
func has(events []sotto.Event, kind sotto.Kind) bool {
	return slices.ContainsFunc(events, func(e sotto.Event) bool { return e.Kind == kind })
}

// copyOf is a copy of everything that a backend holds: a backup of the phone.
func copyOf(t testing.TB, b store.Backend) store.Backend {
	t.Helper()
	c := store.Memory()
	ok(t, c.Commit(background, store.Batch{Put: must(b.Scan(background, nil, nil, 1<<20))}))
	return c
}

// restore puts a peer's store back to a copy.
func restore(t testing.TB, p *sottotest.Peer, backup store.Backend) {
	t.Helper()
	p.Backend = backup
	p.Restart()
}

func generation(t testing.TB, b store.Backend) uint64 {
	t.Helper()
	return must(b.Generation(background))
}

// twin opens the account of a peer a second time, as another process does.
func twin(t testing.TB, p *sottotest.Peer) *sottotest.Peer {
	t.Helper()
	first, second := p.Account, *p
	second.Account = nil // so that Restart does not lock the first one
	second.Restart()
	if second.Account == first {
		t.Fatal("the same account")
	}
	return &second
}

// devicesOf are the IDs of the devices that a conversation has.
func devicesOf(t testing.TB, c *sotto.Conversation) map[device.ID]sotto.Member {
	t.Helper()
	all := map[device.ID]sotto.Member{}
	for _, m := range must(c.Devices(background)) {
		all[m.Device] = m
	}
	return all
}

func wantMisuseWhilePending(t *testing.T, p *sottotest.Peer, record []byte) {
	t.Helper()
	wantFault(t, p.Admit(background, record), fault.Misuse)
}

// sameStore holds that two backends hold the same bytes.
func sameStore(t testing.TB, a, b store.Backend) {
	t.Helper()
	if !reflect.DeepEqual(must(a.Scan(background, nil, nil, 1<<20)), must(b.Scan(background, nil, nil, 1<<20))) {
		t.Error("the store has changed")
	}
}
