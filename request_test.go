package sotto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// answer carries questions to a peer and returns what it has to send.
func answer(t *testing.T, p *sottotest.Peer, e sotto.Event, want fault.Code) [][]byte {
	t.Helper()
	if len(e.Needs) != 1 || e.Needs[0].Request == nil {
		t.Fatalf("needs %+v", e.Needs)
	}
	events := receive(t, p, e.Needs[0].Request)
	wantWhy(t, events[0], want)
	if events[0].Kind != sotto.KindRequest {
		t.Errorf("event of kind %q", events[0].Kind)
	}
	defer delivered(t, p)
	return data(must(p.Pending(background)))
}

func TestASessionIsAskedForOfThePeerAndOfOwnDevices(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	in := conversation(t, alice, "bob", 1)
	receive(t, bob, in...)
	for name, p := range map[string]*sottotest.Peer{"the sender": alice, "another own device": bob} {
		backup := copyOf(t, tablet.Backend)
		events := receive(t, tablet, in[1])
		wantWhy(t, events[0], fault.UnknownSession)
		got := answer(t, p, events[0], 0)
		if len(got) != 1 {
			t.Fatalf("%s answers with %d parcels", name, len(got))
		}
		only(t, withSequel(receive(t, tablet, got...), 1), "text 0")
		restore(t, tablet, backup)
	}
}

// A question may be on its way while its device renews its key: the answer goes to the newest one.
func TestAnOldQuestionIsAnsweredToTheNewestKey(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	in := conversation(t, alice, "bob", 1)
	e := receive(t, tablet, in[1])[0]
	alice.Network().Pass(7 * day)
	ok(t, tablet.Upkeep(background, true))
	newest := pending(t, tablet, sotto.ParcelKey)[0].Data
	wantWhy(t, receive(t, alice, newest)[0], 0)
	got := answer(t, alice, e, 0)
	l := must(device.Verify("bob", must(must(alice.Contact(background, "bob")).Log(background))))
	to := must(session.Recipients(got[0]))
	if key := must(l.AcceptKey(tablet.Device(), newest, nil)); !slices.Equal(to, []device.KeyID{key.ID()}) {
		t.Error("sealed to another key")
	}
	only(t, withSequel(receive(t, tablet, got...), 1), "text 0")
}

func TestASessionIsNotGivenToDevicesOutsideOfItsRoster(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	carol := alice.Network().Create("carol")
	carol.Meet(alice)
	alice.Network().SyncAll()
	in := conversation(t, alice, "bob", 1)
	receive(t, bob, in...)
	late := bob.Join()
	alice.Network().SyncAll()
	delivered(t, alice)
	for name, c := range map[string]struct {
		asks *sottotest.Peer
		want fault.Code
	}{
		"nobody's contact":             {carol, fault.UntrustedSigner},
		"a device that came later":     {late, fault.UnknownSession},
		"a device that was in it then": {tablet, 0},
	} {
		e := receive(t, c.asks, in[1])[0]
		if got := answer(t, alice, e, c.want); (len(got) > 0) != (c.want == 0) {
			t.Errorf("%s gets %d parcels", name, len(got))
		}
	}
	e := receive(t, tablet, in[1])[0]
	must(bob.Revoke(background, tablet.Device()))
	bob.Flush()
	receive(t, alice, alice.Fetch()...)
	delivered(t, alice)
	if got := answer(t, alice, e, fault.RevokedDevice); len(got) != 0 {
		t.Errorf("a revoked device gets %d parcels", len(got))
	}
	alice.Meet(carol)
	delivered(t, alice)
	e = receive(t, carol, in[1])[0]
	if got := answer(t, alice, e, fault.UnknownSession); len(got) != 0 {
		t.Errorf("somebody who is no member gets %d parcels", len(got))
	}
}

// A question that is carried around opens nothing for whoever carries it.
func TestAnAnswerIsForTheDeviceThatAskedOnly(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	in := conversation(t, alice, "bob", 1)
	e := receive(t, tablet, in[1])[0]
	got := answer(t, alice, e, 0)
	wantWhy(t, receive(t, bob, got...)[0], fault.NotForThisDevice)
	forged := bytes.Clone(e.Needs[0].Request)
	forged[len(forged)-1] ^= 1
	wantWhy(t, receive(t, alice, forged)[0], fault.UntrustedSigner)
}

// A server that brings a device its own question gets nothing out of it.
func TestADeviceDoesNotAnswerItself(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	in := conversation(t, alice, "bob", 1)
	e := receive(t, tablet, in[1])[0]
	receive(t, tablet, in[0])
	receive(t, tablet, e.Needs[0].Request)
	if parcels := must(tablet.Pending(background)); len(parcels) != 0 {
		t.Errorf("answers itself with %v", kinds(parcels))
	}
}
