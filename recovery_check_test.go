package sotto_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
)

// drill is an account whose recovery key was replaced once, on a store that takes no commit, and everything a user may
// have in hand for it.
type drill struct {
	account                     *sotto.Account
	keys                        map[string]*recovery.Key
	secrets                     map[string]*lockbox.Secret
	boxes                       map[string][]byte
	wantKey, wantStore, wantBox map[string]fault.Code // the last one with the right password
	commits                     *int
	store                       *tap
}

func newDrill(t *testing.T, withKey bool) *drill {
	t.Helper()
	b, password, r := newTap(), newSecret(), recovery.Generate()
	alice := must(sotto.Create(background, b, "alice", nil, password, lockbox.Recovery(r)))
	old, present := recovery.Generate(), recovery.Generate()
	d := &drill{
		account: alice, store: b, commits: new(int),
		keys:      map[string]*recovery.Key{"right": present, "replaced": old, "wrong": recovery.Generate(), "none": nil},
		secrets:   map[string]*lockbox.Secret{"right": password, "wrong": newSecret(), "none": nil},
		boxes:     map[string][]byte{"none": nil},
		wantKey:   map[string]fault.Code{"right": 0, "replaced": fault.WrongSecret, "wrong": fault.WrongSecret},
		wantStore: map[string]fault.Code{"right": 0, "wrong": fault.WrongSecret},
		wantBox: map[string]fault.Code{
			"right": 0, "old key": fault.Rollback, "damaged": fault.Damaged, "other user": fault.Damaged, "garbage": fault.Malformed,
		},
	}
	settle := func() { must(alice.Receive(background, must(alice.Pending(background))[0].Data)) }
	boxes := func(a *sotto.Account, key *recovery.Key) []byte {
		return must(a.SealRecovery(background, key, password))
	}
	bobKey := recovery.Generate()
	bob := must(sotto.Create(background, newTap(), "bob", &sotto.Options{Recovery: bobKey}, newSecret()))
	d.boxes["other user"], d.boxes["garbage"] = boxes(bob, bobKey), []byte{1}
	settle()
	if withKey {
		ok(t, alice.SetRecovery(background, nil, old))
		settle()
		d.boxes["old key"] = boxes(alice, old)
		ok(t, alice.SetRecovery(background, old, present))
		settle()
		d.boxes["right"] = boxes(alice, present)
	} else { // boxes of keys that are in force in another log of the same user ID
		for name, key := range map[string]*recovery.Key{"old key": old, "right": present} {
			other := must(sotto.Create(background, newTap(), "alice", &sotto.Options{Recovery: key}, newSecret()))
			d.boxes[name] = boxes(other, key)
		}
		for name := range d.wantKey {
			d.wantKey[name] = fault.Misuse
		}
		d.wantBox["right"], d.wantBox["old key"] = fault.Misuse, fault.Misuse
	}
	d.boxes["damaged"] = slices.Clone(d.boxes["right"])
	d.boxes["damaged"][len(d.boxes["damaged"])/2] ^= 1
	b.before = func(call string) error {
		if call == "Commit" {
			*d.commits++
		}
		return nil
	}
	return d
}

// Every combination of what a user may have in hand, with nothing changed by any of them.
func TestARecoveryCheckTellsWhatLeadsBackIn(t *testing.T) {
	for _, withKey := range []bool{true, false} {
		d := newDrill(t, withKey)
		before := copyOf(t, d.store.Backend)
		for k, key := range d.keys {
			for s, secret := range d.secrets {
				for x, box := range d.boxes {
					name := fmt.Sprintf("key set %t: key %s, secret %s, box %s", withKey, k, s, x)
					r, err := d.account.RecoveryCheck(background, sotto.Have{Key: key, Secret: secret, Box: box})
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					want := sotto.RecoveryReport{
						Key:   sotto.Tried{Done: key != nil, Why: d.wantKey[k]},
						Store: sotto.Tried{Done: secret != nil, Why: d.wantStore[s]},
					}
					if secret != nil && box != nil {
						want.Box = sotto.Tried{Done: true, Why: d.wantBox[x]}
						if readable := x == "right" || x == "old key"; readable && s == "wrong" {
							want.Box.Why = fault.WrongSecret
						}
					}
					if r.Key != want.Key || r.Store != want.Store || r.Box != want.Box {
						t.Errorf("%s: key %+v, store %+v, box %+v", name, r.Key, r.Store, r.Box)
					}
					if r.HasKey != withKey || r.Pending || len(r.Devices) != 0 || len(r.Slots) != 2 {
						t.Errorf("%s: %+v", name, r)
					}
					back := withKey && (k == "right" || s == "right" && x == "right")
					if r.WithNothingLeft() != back {
						t.Errorf("%s: with nothing left %t", name, r.WithNothingLeft())
					}
				}
			}
		}
		if *d.commits != 0 {
			t.Errorf("%d commits", *d.commits)
		}
		sameStore(t, before, d.store.Backend)
	}
}

func TestWhatWasNotTriedDoesNotWork(t *testing.T) {
	for tried, want := range map[sotto.Tried]bool{
		{}: false, {Done: true}: true, {Done: true, Why: fault.WrongSecret}: false, {Why: fault.WrongSecret}: false,
	} {
		if tried.Works() != want {
			t.Errorf("%+v works: %t", tried, tried.Works())
		}
	}
	var none *sotto.RecoveryReport
	works, not := sotto.Tried{Done: true}, sotto.Tried{Done: true, Why: fault.Damaged}
	for r, want := range map[*sotto.RecoveryReport]bool{
		none: false, {}: false, {Key: works}: true, {Box: works}: true, {Key: not, Box: works}: true, {Store: works}: false,
		{Key: not, Box: not, Store: works}: false,
	} {
		if r.WithNothingLeft() != want {
			t.Errorf("%+v: with nothing left %t", r, r.WithNothingLeft())
		}
	}
}

// What the account itself has to say: who else is a device, what opens the store, and whether an entry waits.
func TestARecoveryCheckTellsOfDevicesAndSlots(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	settled(t, alice)
	devices := func(p *sottotest.Peer, want ...device.ID) *sotto.RecoveryReport {
		t.Helper()
		r := must(p.RecoveryCheck(background, sotto.Have{}))
		if !slices.Equal(r.Devices, want) || r.Key.Done || r.Store.Done || r.Box.Done || r.WithNothingLeft() {
			t.Errorf("%v: %+v", p, r)
		}
		return r
	}
	devices(tablet, alice.Device(), laptop.Device())
	r := devices(alice, tablet.Device(), laptop.Device())
	if r.HasKey || r.Pending || len(r.Slots) != 1 || r.Slots[0].Kind != lockbox.KindWrapped {
		t.Errorf("report %+v", r)
	}
	ended(t, alice, tablet.Device())
	devices(alice, laptop.Device())
	ok(t, alice.SetRecovery(background, nil, recovery.Generate()))
	if r := devices(alice, laptop.Device()); r.HasKey || !r.Pending {
		t.Errorf("report %+v", r)
	}
	list(t, alice)
	if r := devices(alice, laptop.Device()); !r.HasKey || r.Pending {
		t.Errorf("report %+v", r)
	}
}

// A key that is pending is not in force: the one that was printed does not lead in before the server has the entry.
func TestARecoveryKeyThatIsPendingDoesNotWorkYet(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	first := withRecovery(t, alice)
	next := recovery.Generate()
	ok(t, alice.SetRecovery(background, first, next))
	for _, settled := range []bool{false, true} {
		for key, works := range map[*recovery.Key]bool{first: !settled, next: settled} {
			r := must(alice.RecoveryCheck(background, sotto.Have{Key: key}))
			if r.Key.Works() != works || r.Pending == settled || !r.HasKey {
				t.Errorf("settled %t: %+v", settled, r)
			}
		}
		list(t, alice)
	}
}

// Where nothing was learned there is no report.
func TestARecoveryCheckThatWasNotMadeIsAnError(t *testing.T) {
	d := newDrill(t, true)
	destroyed, spent := recovery.Generate(), newSecret()
	destroyed.Destroy()
	spent.Destroy()
	for name, have := range map[string]sotto.Have{"key": {Key: destroyed}, "secret": {Secret: spent}} {
		r, err := d.account.RecoveryCheck(background, have)
		if wantFaultOf(t, name, err, fault.DestroyedKey); r != nil {
			t.Error("a report beside the error")
		}
	}
	have := sotto.Have{Key: d.keys["right"], Secret: d.secrets["right"], Box: d.boxes["right"]}
	for at := 1; ; at++ { // cancelled at any call of the store
		ctx, cancel := context.WithCancel(background)
		calls := 0
		d.store.before = func(string) error {
			if calls++; calls == at {
				cancel()
			}
			return nil
		}
		r, err := d.account.RecoveryCheck(ctx, have)
		cancel()
		if calls < at {
			ok(t, err)
			break
		}
		if wantFaultOf(t, fmt.Sprint("call ", at), err, fault.Canceled); r != nil {
			t.Error("a report beside the error")
		}
	}
	d.store.before = nil
	ctx, cancel := context.WithCancel(background)
	key := &impatient{Wrapper: must(cose.GenerateKey(cose.A256GCM))}
	alice := must(sotto.Create(background, newTap(), "alice", nil, lockbox.Wrapped(key)))
	must(alice.Receive(background, must(alice.Pending(background))[0].Data))
	key.cancel = cancel
	r, err := alice.RecoveryCheck(ctx, sotto.Have{Secret: lockbox.Wrapped(key)})
	if wantFault(t, err, fault.Canceled); r != nil {
		t.Error("a report beside the error")
	}
	d.store.before = func(string) error { return errPower }
	_, err = d.account.RecoveryCheck(background, have)
	wantFault(t, err, fault.StoreFailed)
	d.store.before = nil
	next := must(sotto.Join(background, newTap(), "alice", device.Hash{1}, nil, newSecret()))
	_, err = next.RecoveryCheck(background, sotto.Have{})
	wantFault(t, err, fault.Misuse)
	d.account.Lock()
	_, err = d.account.RecoveryCheck(background, have)
	wantFault(t, err, fault.DestroyedKey)
}

// impatient is a key store at which the user gives up: the call is cancelled while it asks.
type impatient struct {
	cose.Wrapper
	cancel context.CancelFunc
}

func (i *impatient) UnwrapKey(wrapped, aad []byte) (*cose.Key, error) {
	if i.cancel == nil {
		return i.Wrapper.UnwrapKey(wrapped, aad)
	}
	i.cancel()
	return nil, fault.Canceled
}
