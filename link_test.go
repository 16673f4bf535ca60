package sotto_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

// linking is an attempt to link a device to a peer's account, step by step.
type linking struct {
	t        testing.TB
	old      *sottotest.Peer
	offer    *sotto.LinkOffer
	new      *link.New
	now      time.Time // of the new device
	nonce    [32]byte
	backend  store.Backend // of the new device
	secret   *lockbox.Secret
	messages [][]byte // everything that went over the network between the two
}

// offered begins an attempt with a QR code.
func offered(t testing.TB, old *sottotest.Peer, c link.Choice) *linking {
	t.Helper()
	offer, err := old.OfferLink(background, c)
	ok(t, err)
	return scanned(t, old, offer)
}

// scanned is an attempt whose QR code the new device has scanned.
func scanned(t testing.TB, old *sottotest.Peer, offer *sotto.LinkOffer) *linking {
	t.Helper()
	return &linking{
		t: t, old: old, offer: offer, new: must(link.Scan(offer.QR(), start)), now: start, nonce: [32]byte{1, 2, 3},
		backend: store.Memory(), secret: newSecret(),
	}
}

var (
	nothing  = link.Choice{History: link.Nothing}
	sessions = link.Choice{History: link.Sessions}
)

func (l *linking) sent(message []byte, err error) []byte {
	l.t.Helper()
	ok(l.t, err)
	l.messages = append(l.messages, message)
	return message
}

// pass lets time go by for everybody.
func (l *linking) pass(d time.Duration) {
	l.old.Network().Pass(d)
	l.now = l.now.Add(d)
}

// showing brings the attempt to where the new device shows its digits.
func (l *linking) showing() *linking {
	l.t.Helper()
	m1 := l.sent(l.new.Join(device.Classical, l.now))
	m2 := l.sent(l.offer.Receive(background, m1))
	must(l.new.Receive(m2, l.now))
	return l
}

// candidate brings it to where the digits were typed, and returns the new device's record for the old one.
func (l *linking) candidate() (m4 []byte) {
	l.t.Helper()
	m3 := l.sent(l.showing().offer.Confirm(background, l.new.Digits()))
	must(l.new.Receive(m3, l.now))
	return l.sent(l.new.Served(logOf(l.t, l.old), l.now))
}

// signed brings it to where the old device has signed for the new one.
func (l *linking) signed() *linking {
	l.t.Helper()
	send, err := l.offer.Receive(background, l.candidate())
	ok(l.t, err)
	if send != nil || l.offer.State() != link.Admitting {
		l.t.Fatalf("%d bytes, %v", len(send), l.offer.State())
	}
	return l
}

// admitted brings it to where the log has the new device, and both know it.
func (l *linking) admitted() *linking {
	l.t.Helper()
	l.signed().old.Sync()
	m5 := l.sent(l.offer.Admitted(background, l.nonce, []byte("ticket")))
	must(l.new.Receive(m5, l.now))
	must(l.new.Served(logOf(l.t, l.old), l.now))
	return l
}

func (l *linking) options() *sotto.Options {
	return &sotto.Options{Now: func() time.Time { return l.now }}
}

// account makes the account of the new device.
func (l *linking) account() *sotto.Account {
	l.t.Helper()
	a, err := sotto.Link(background, l.backend, l.new, entriesOf(l.t, l.old), l.options(), l.secret)
	ok(l.t, err)
	return a
}

// registered brings it to where the new device is registered, and returns the peer, and the last message for the old
// device.
func (l *linking) registered() (p *sottotest.Peer, m7 []byte) {
	l.t.Helper()
	next := *l.admitted().old
	next.Backend, next.Account = l.backend, l.account()
	registration := must(next.Register(background, "server", l.nonce))
	return &next, l.sent(l.new.Registered(registration, l.now))
}

// done brings it to its end and returns the new device.
func (l *linking) done() *sottotest.Peer {
	l.t.Helper()
	p, m7 := l.registered()
	m8 := l.sent(l.offer.Receive(background, m7))
	must(l.new.Receive(m8, l.now))
	return p
}

func entriesOf(t testing.TB, p *sottotest.Peer) [][]byte {
	t.Helper()
	return must(contact(p, p.User()).Log(background))
}

// logOf is a peer's own log.
func logOf(t testing.TB, p *sottotest.Peer) *device.Log {
	t.Helper()
	return must(device.Verify(p.User(), entriesOf(t, p)))
}

// wantDevices holds that the own log of a peer has so many active devices after so many entries.
func wantDevices(t testing.TB, p *sottotest.Peer, active, entries int) {
	t.Helper()
	l := logOf(t, p)
	if a, n := len(l.Active()), int(l.Pin().Seq)+1; a != active || n != entries {
		t.Errorf("%d devices after %d entries, want %d after %d", a, n, active, entries)
	}
}

// What was written before the device was linked can be read on it, when the sessions were chosen.
func TestALinkedDeviceReadsWhatIsChosen(t *testing.T) {
	for _, c := range []link.Choice{nothing, sessions, {History: link.SessionsAndVault, Vault: []byte("vault")}} {
		t.Run(c.History.String(), func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			_, parcels := sealText(t, bob, "alice", "before")
			bob.Flush()
			only(t, alice.Sync(), "before")
			verify(t, alice, "bob")
			tablet := alice.Link(c)
			if c.History == link.Nothing {
				_, err := tablet.Contact(background, "bob")
				wantFault(t, err, fault.UntrustedSigner)
				tablet.Meet(bob)
			}
			events := receive(t, tablet, parcels[1].Data)
			if c.History == link.Nothing {
				wantWhy(t, events[0], fault.UnknownSession)
				wantMark(t, tablet, "bob", trust.Unverified)
			} else {
				only(t, events, "before")
				wantMark(t, tablet, "bob", trust.Verified)
			}
			settled(t, alice)
			bob.Send("alice", "after")
			only(t, tablet.Sync(), "after")
			only(t, alice.Sync(), "after")
			tablet.Send("bob", "from the tablet")
			only(t, bob.Sync(), "from the tablet")
		})
	}
}

// An attempt that is not that far gives no account, and nothing is stored.
func TestAnAttemptThatIsNotFarEnoughGivesNoAccount(t *testing.T) {
	for name, bring := range map[string]func(l *linking){
		"scanned":   func(*linking) {},
		"showing":   func(l *linking) { l.showing() },
		"confirmed": func(l *linking) { l.candidate() },
		"signed":    func(l *linking) { l.signed().old.Sync() },
		"told": func(l *linking) {
			l.signed().old.Sync()
			must(l.new.Receive(must(l.offer.Admitted(background, l.nonce, nil)), l.now))
		},
		"cancelled": func(l *linking) { l.candidate(); l.new.Cancel() },
		"none":      func(l *linking) { l.new = nil },
		"zero":      func(l *linking) { l.new = &link.New{} },
	} {
		t.Run(name, func(t *testing.T) {
			alice, _ := sottotest.Pair(t)
			l := offered(t, alice, nothing)
			bring(l)
			a, err := sotto.Link(background, l.backend, l.new, entriesOf(t, alice), l.options(), l.secret)
			wantFault(t, err, fault.Misuse)
			if a != nil {
				t.Error("an account")
			}
			wantEmpty(t, l.backend)
		})
	}
}

func wantEmpty(t testing.TB, b store.Backend) {
	t.Helper()
	if all := must(b.Scan(background, nil, nil, 10)); len(all) != 0 {
		t.Errorf("%d values in the store", len(all))
	}
}

// The log is that of the attempt, and the account's from its first entry on.
func TestAnotherLogThanThatOfTheAttemptGivesNoAccount(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	l := offered(t, alice, nothing).admitted()
	log := entriesOf(t, alice)
	other := newPerson(t, "alice", nil)
	other.add()
	damaged := append(slices.Clone(log[:1]), bytes.Clone(log[1]))
	damaged[1][len(damaged[1])-1] ^= 1
	for name, c := range map[string]struct {
		log  [][]byte
		want fault.Code
	}{
		"of another identity": {other.entries, fault.Misuse},
		"of another user":     {entriesOf(t, bob), fault.UntrustedSigner},
		"without the device":  {log[:1], fault.Misuse},
		"from its middle":     {log[1:], fault.TooFarAhead},
		"none":                {nil, fault.Malformed},
		"damaged":             {damaged, fault.UntrustedSigner},
	} {
		a, err := sotto.Link(background, l.backend, l.new, c.log, l.options(), l.secret)
		if err == nil || a != nil {
			t.Errorf("log %s gives an account", name)
			continue
		}
		t.Run(name, func(t *testing.T) { wantFault(t, err, c.want) })
		wantEmpty(t, l.backend)
	}
	l.account() // nothing was used up
}

// The log may have gone on; a device that is out of it again is none.
func TestALogThatWentOnGivesAnAccountAsLongAsTheDeviceIsInIt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	laptop := alice.Join()
	l := offered(t, alice, nothing).admitted()
	laptop.Sync()
	third := must(device.Generate("alice", device.Classical, start))
	ok(t, laptop.Admit(background, third.Record().Bytes()))
	laptop.Sync()
	alice.Sync()
	a := l.account()
	if n := len(must(must(a.Contact(background, "alice")).Log(background))); n != 4 {
		t.Errorf("%d entries", n)
	}
	again := offered(t, alice, nothing).admitted()
	ok(t, again.offer.Cancel(background))
	alice.Sync()
	alice.Sync()
	_, err := sotto.Link(background, again.backend, again.new, entriesOf(t, alice), again.options(), again.secret)
	wantFault(t, err, fault.RevokedDevice)
	wantEmpty(t, again.backend)
}

// A store that holds something stays what it is, and the attempt can go on in another one.
func TestAStoreThatIsNotEmptyIsNotOverwritten(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	l := offered(t, alice, nothing).admitted()
	before := generation(t, bob.Backend)
	_, err := sotto.Link(background, bob.Backend, l.new, entriesOf(t, alice), l.options(), l.secret)
	wantFault(t, err, fault.Misuse)
	if generation(t, bob.Backend) != before {
		t.Error("it was written to")
	}
	bob.Restart()
	l.account()
}

// A power cut at any call leaves nothing, and the same again works, or it leaves the account.
func TestAPowerCutAtLinkLeavesNothingOrTheAccount(t *testing.T) {
	for _, durable := range []bool{false, true} {
		made := 0
		for at := 1; ; at++ {
			alice, _ := sottotest.Pair(t)
			l := offered(t, alice, nothing).admitted()
			b, calls := newTap(), 0
			b.before = func(call string) error {
				switch calls++; {
				case calls < at:
					return nil
				case calls == at && durable && call == "Commit":
					return errDurable
				}
				return errPower
			}
			l.backend = b
			a, err := sotto.Link(background, b, l.new, entriesOf(t, alice), l.options(), l.secret)
			down := calls >= at
			b.before = nil
			if down {
				wantFault(t, err, fault.StoreFailed)
				if _, found := must2(store.Header(background, b)); found {
					made++
					a, err = sotto.Unlock(background, b, l.options(), l.secret)
				} else {
					a, err = l.account(), nil
				}
			}
			if err != nil {
				t.Fatalf("call %d, durable %t: %v", at, durable, err)
			}
			must(a.Register(background, "server", l.nonce))
			if !down {
				break
			}
		}
		if (made > 0) != durable {
			t.Errorf("durable %t: %d accounts", durable, made)
		}
	}
}

// The keys are in one account: what the attempt held is wiped then, and gives no second one.
func TestAnAttemptGivesOneAccount(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	l := offered(t, alice, nothing).admitted()
	keys := l.new.Keys()
	if keys.KeyIDs() == nil {
		t.Fatal("no keys")
	}
	a := l.account()
	if keys.KeyIDs() != nil || l.new.Keys().KeyIDs() != nil {
		t.Error("the keys are still in memory")
	}
	other := store.Memory()
	_, err := sotto.Link(background, other, l.new, entriesOf(t, alice), l.options(), l.secret)
	wantFault(t, err, fault.DestroyedKey)
	wantEmpty(t, other)
	if r, _ := l.offer.Candidate(); a.Device() != r.ID() || a.User() != "alice" {
		t.Errorf("device %v of %q", a.Device(), a.User())
	}
	a.Lock()
	a = must(sotto.Unlock(background, l.backend, l.options(), l.secret))
	must(a.Register(background, "server", l.nonce))
}

// The device-key that the old device has seen is the one that is published, and everybody takes it.
func TestTheDeviceKeyOfTheAttemptIsPublished(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	l := offered(t, alice, nothing)
	tablet, _ := l.registered()
	_, key := l.offer.Candidate()
	parcels := must(tablet.Pending(background))
	if len(parcels) != 1 || parcels[0].Kind != sotto.ParcelKey || !bytes.Equal(parcels[0].Data, key) {
		t.Fatalf("parcels %v", kinds(parcels))
	}
	bob.Sync()
	wantWhy(t, receive(t, bob, key)[0], 0)
	for _, p := range []*sottotest.Peer{bob, alice} { // alice has had it since Admitted
		c := p.Conversation("alice")
		if m := devicesOf(t, c)[tablet.Device()]; !m.HasKey {
			t.Errorf("%s has no key of it", p)
		}
	}
	tablet.Flush()
	_, sealed := sealText(t, bob, "alice", "text")
	must(tablet.Trust(background, "bob", entriesOf(t, bob)))
	only(t, receive(t, tablet, data(sealed)...), "text")
}

// A server takes the registration for the nonce that it gave to the old device, and no other.
func TestTheNewDeviceRegistersWithTheNonceOfTheAttempt(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	challenge := must(device.NewChallenge("server", "alice", start))
	l := offered(t, alice, nothing)
	l.nonce = challenge.Nonce
	l.admitted()
	a := l.account()
	if l.new.Nonce() != challenge.Nonce || string(l.new.Ticket()) != "ticket" {
		t.Errorf("nonce %x, ticket %q", l.new.Nonce(), l.new.Ticket())
	}
	registration := must(a.Register(background, "server", l.new.Nonce()))
	checked := must(challenge.Check(registration, logOf(t, alice), start))
	if r, key := l.offer.Candidate(); checked.Record.Cert() != r.Cert() || !bytes.Equal(checked.Key.Bytes(), key) {
		t.Error("another device")
	}
	_, err := must(device.NewChallenge("server", "alice", start)).Check(registration, logOf(t, alice), start)
	wantFault(t, err, fault.UntrustedSigner)
}
