package sotto_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

func TestAnAccountOpensWithEachOfItsSecretsAndNoOther(t *testing.T) {
	b, first, second := store.Memory(), newSecret(), newSecret()
	a := must(sotto.Create(t.Context(), b, "alice", nil, first, second))
	for _, s := range []*lockbox.Secret{first, second} {
		again := must(sotto.Unlock(t.Context(), b, nil, s))
		if again.User() != "alice" || again.Device() != a.Device() {
			t.Errorf("unlocked %s %s", again.User(), again.Device())
		}
	}
	before := generation(t, b)
	_, err := sotto.Unlock(t.Context(), b, nil, newSecret())
	wantFault(t, err, fault.WrongSecret)
	_, err = sotto.Unlock(t.Context(), store.Memory(), nil, first)
	wantFault(t, err, fault.Misuse)
	if generation(t, b) != before {
		t.Error("unlocking wrote something")
	}
}

func TestAnAccountIsMadeInAnEmptyStoreOnly(t *testing.T) {
	b := store.Memory()
	root := device.Hash{1}
	must(sotto.Create(t.Context(), b, "alice", nil, newSecret()))
	before := generation(t, b)
	_, err := sotto.Create(t.Context(), b, "alice", nil, newSecret())
	wantFault(t, err, fault.Misuse)
	_, err = sotto.Join(t.Context(), b, "alice", root, nil, newSecret())
	wantFault(t, err, fault.Misuse)
	if generation(t, b) != before {
		t.Error("something was written")
	}
}

func TestWhatAnAccountCannotBeMadeWithIsMisuse(t *testing.T) {
	for name, create := range map[string]func() (*sotto.Account, error){
		"no store":  func() (*sotto.Account, error) { return sotto.Create(t.Context(), nil, "alice", nil, newSecret()) },
		"no secret": func() (*sotto.Account, error) { return sotto.Create(t.Context(), store.Memory(), "alice", nil) },
		"no user":   func() (*sotto.Account, error) { return sotto.Create(t.Context(), store.Memory(), "", nil, newSecret()) },
		"no store to join in": func() (*sotto.Account, error) {
			return sotto.Join(t.Context(), nil, "alice", device.Hash{}, nil, newSecret())
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := create()
			if a != nil {
				t.Error("an account beside the error")
			}
			wantFault(t, err, fault.Misuse)
		})
	}
}

// A new account offers what a server needs: the log first, then the key that hangs on it.
func TestANewAccountOffersItsLogAndItsKey(t *testing.T) {
	r := recovery.Generate()
	a := must(sotto.Create(t.Context(), store.Memory(), "alice", &sotto.Options{Recovery: r}, newSecret()))
	parcels := must(a.Pending(t.Context()))
	if !slices.Equal(kinds(parcels), []sotto.ParcelKind{sotto.ParcelLog, sotto.ParcelKey}) {
		t.Fatalf("offers %v", kinds(parcels))
	}
	l := must(device.Verify("alice", [][]byte{parcels[0].Data}))
	if !l.HasRecovery() {
		t.Error("without the recovery key")
	}
	must(l.AcceptKey(a.Device(), parcels[1].Data, nil))
	for _, p := range parcels {
		if p.ID != sum(p.Data) || p.To != nil {
			t.Errorf("parcel %x to %v", p.ID, p.To)
		}
	}
}

// everything calls each method of an account and tells how it failed.
func everything(a *sotto.Account, c *sotto.Conversation, contact *sotto.Contact) map[string]error {
	_, pendingErr := a.Pending(background)
	_, receiveErr := a.Receive(background, []byte{1})
	_, peekErr := a.Peek(background, []byte{1})
	_, unreadErr := a.Unread(background)
	_, contactErr := a.Contact(background, "alice")
	_, contactsErr := a.Contacts(background)
	_, trustErr := a.Trust(background, "alice", nil)
	_, directErr := a.Direct(background, contact)
	_, recordErr := a.Record(background)
	_, registerErr := a.Register(background, "server", [32]byte{})
	_, reportErr := a.Report(background)
	_, revokeErr := a.Revoke(background, device.ID{})
	_, checkErr := a.RecoveryCheck(background, sotto.Have{})
	_, sealErr := a.SealRecovery(background, recovery.Generate(), newSecret())
	errs := map[string]error{
		"Pending": pendingErr, "Receive": receiveErr, "Peek": peekErr, "Unread": unreadErr, "Contact": contactErr,
		"Contacts": contactsErr, "Trust": trustErr, "Direct": directErr, "Record": recordErr, "Register": registerErr,
		"Report": reportErr, "Delivered": a.Delivered(background, sotto.Parcel{}), "Ack": a.Ack(background),
		"Upkeep": a.Upkeep(background, true), "Admit": a.Admit(background, nil), "Revoke": revokeErr,
		"RecoveryCheck": checkErr, "SealRecovery": sealErr, "Upgrade": a.Upgrade(background),
		"Recover":       a.Recover(background, recovery.Generate(), nil),
		"SetRecovery":   a.SetRecovery(background, nil, recovery.Generate()),
		"Forget":        a.Forget(background, c),
		"ReplaceSecret": a.ReplaceSecret(background, newSecret(), newSecret()),
		"AddSecret":     a.AddSecret(background, newSecret(), newSecret()),
	}
	if c != nil {
		_, errs["Seal"] = c.Seal(background, sotto.NewMessageID(), "", nil)
		_, errs["Devices"] = c.Devices(background)
	}
	if contact != nil {
		_, errs["Log"] = contact.Log(background)
	}
	return errs
}

func TestALockedAccountDoesNothing(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	record := must(alice.Record(background))
	c, contact := alice.Conversation("bob"), must(alice.Contact(background, "bob"))
	alice.Lock()
	alice.Lock()
	for name, err := range everything(alice.Account, c, contact) {
		if name != "Admit" && name != "Trust" {
			wantFaultOf(t, name, err, fault.DestroyedKey)
		} else if err == nil {
			t.Errorf("%s works", name)
		}
	}
	wantFault(t, alice.Admit(background, record), fault.DestroyedKey)
	if alice.User() != "alice" || alice.Device() == (device.ID{}) {
		t.Error("who it is cannot be read any more")
	}
	alice.Restart()
	alice.Send("bob", "unlocked again")
}

func wantFaultOf(t *testing.T, what string, err error, want fault.Code) {
	t.Helper()
	if fault.Of(err) != want {
		t.Errorf("%s: error is %v, want %s", what, err, want.Name())
	}
}

// The zero values and nil are locked, or no conversation and no contact: nothing panics.
func TestZeroValuesAreErrors(t *testing.T) {
	for _, a := range []*sotto.Account{nil, {}} {
		for _, c := range []*sotto.Conversation{nil, {}} {
			for _, contact := range []*sotto.Contact{nil, {}} {
				for name, err := range everything(a, c, contact) {
					if fault.Of(err) == 0 || fault.Of(err) == fault.StoreConflict {
						t.Errorf("%s: %v", name, err)
					}
				}
				if c != nil {
					c.ID()
				}
			}
		}
		a.User()
		a.Device()
		a.Lock()
	}
}

func TestAnAccountMayBeLockedWhileItIsUsed(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	bob.Send("alice", "text")
	in := alice.Fetch()
	c := alice.Conversation("bob")
	uses := []func() error{
		func() error { _, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text")); return err },
		func() error { _, err := alice.Receive(background, in...); return err },
		func() error { return alice.Upkeep(background, true) },
		func() error { _, err := alice.Report(background); return err },
		func() error { _, err := alice.Pending(background); return err },
	}
	var all sync.WaitGroup
	for _, use := range uses {
		all.Go(func() {
			for i := 0; ; i++ {
				err := use()
				if err != nil && fault.Of(err) != fault.DestroyedKey {
					t.Error(err)
				}
				if err != nil || i == 1000 {
					return
				}
			}
		})
	}
	alice.Lock()
	all.Wait()
	alice.Restart()
	alice.Send("bob", "nothing broke")
	if got := texts(bob.Sync()); !slices.Contains(got, "nothing broke") {
		t.Errorf("bob got %q", got)
	}
}

// A session policy that no session can have is told when the account is opened, not at the first message.
func TestAPolicyOutOfRangeIsMisuse(t *testing.T) {
	o := &sotto.Options{Policy: session.Policy{MaxMessages: 1, MaxAge: time.Minute}}
	_, err := sotto.Create(t.Context(), store.Memory(), "alice", o, newSecret())
	wantFault(t, err, fault.Misuse)
}
