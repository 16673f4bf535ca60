package sotto_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// cheap is the least that a password may cost.
var cheap = mk.Params{Time: mk.MinTime, MemoryKiB: mk.MinMemoryKiB, Threads: 1}

// boxFields is a recovery box as docs/spec/recovery-key.md has it.
type boxFields struct {
	_      struct{} `cbor:",toarray"`
	Label  string
	Box    []byte
	Sealed []byte
}

const boxLabel = "sotto/v1.recovery-box"

func (f boxFields) bytes() []byte { return must(wire.Marshal(f)) }

// boxOf puts a recovery box together.
func boxOf(box, sealed []byte) []byte {
	return boxFields{Label: boxLabel, Box: box, Sealed: sealed}.bytes()
}

func readBox(t testing.TB, b []byte) boxFields {
	t.Helper()
	var f boxFields
	ok(t, wire.Unmarshal("box", b, len(b), &f))
	return f
}

// withBox is alice with a recovery key, and a box of it.
func withBox(t testing.TB, secrets ...*lockbox.Secret) (alice *sottotest.Peer, key *recovery.Key, box []byte) {
	t.Helper()
	alice = sottotest.NewNetwork(t).Create("alice")
	key = withRecovery(t, alice)
	return alice, key, must(alice.SealRecovery(background, key, secrets...))
}

func TestARecoveryBoxGivesTheKeyBack(t *testing.T) {
	password := func() *lockbox.Secret { return lockbox.Password([]byte("correct horse"), cheap) }
	other := newSecret()
	alice, key, box := withBox(t, password(), other)
	for name, s := range map[string]*lockbox.Secret{"password": password(), "the other secret": other} {
		got, err := sotto.OpenRecovery(background, "alice", box, s)
		if err != nil || !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]*lockbox.Secret{
		"another password": lockbox.Password([]byte("incorrect horse"), cheap), "another secret": newSecret(), "the key itself": lockbox.Recovery(key),
	} {
		got, err := sotto.OpenRecovery(background, "alice", box, s)
		if wantFaultOf(t, name, err, fault.WrongSecret); got != nil {
			t.Error("a key beside the error")
		}
	}
	phone := must(recoverIn(store.Memory(), must(contact(alice, "alice").Log(background)), must(sotto.OpenRecovery(background, "alice", box, other)), nil))
	if phone.Device() == alice.Device() {
		t.Error("the same device")
	}
	if again := must(alice.SealRecovery(background, key, other)); bytes.Equal(again, box) {
		t.Error("two boxes are the same")
	}
	if bytes.Contains(box, must(key.ExportSecret())) {
		t.Error("the key stands in the box")
	}
}

// Everything about a box as docs/spec/recovery-key.md has it, opened by hand.
func TestARecoveryBoxIsWhatTheSpecSays(t *testing.T) {
	s := newSecret()
	_, key, box := withBox(t, s)
	f := readBox(t, box)
	if f.Label != boxLabel || !bytes.Equal(f.bytes(), box) {
		t.Errorf("label %q", f.Label)
	}
	place := wire.AppendBound(nil, boxLabel, []byte("alice"))
	root := must(must(lockbox.Parse(f.Box, place)).Open(background, s))
	b := must(root.Decrypt0(nil, f.Sealed, cose.Context{Type: boxLabel, AAD: place}))
	if !bytes.Equal(b, must(key.ExportSecret())) {
		t.Error("another key")
	}
}

// The box of docs/spec/recovery-key.md opens for ever.
func TestAFrozenRecoveryBoxOpens(t *testing.T) {
	box := must(hex.DecodeString(strings.TrimSpace(string(must(os.ReadFile("testdata/recovery_box_v1.hex"))))))
	for name, s := range map[string]*lockbox.Secret{
		"password":     lockbox.Password([]byte("correct horse"), cheap),
		"recovery key": lockbox.Recovery(must(recovery.NewKey(bytes.Repeat([]byte{1}, recovery.Size)))),
	} {
		key, err := sotto.OpenRecovery(background, "alice", box, s)
		if err != nil || !key.Equal(must(recovery.NewKey(bytes.Repeat([]byte{7}, recovery.Size)))) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARecoveryBoxIsForOneUser(t *testing.T) {
	s := newSecret()
	alice, key, box := withBox(t, s)
	for _, user := range []string{"bob", "alicf", "alic", ""} {
		got, err := sotto.OpenRecovery(background, user, box, s)
		if wantFaultOf(t, user, err, fault.Damaged); got != nil {
			t.Error("a key beside the error")
		}
	}
	// The parts of two boxes, of one user and of two, do not go together.
	bob := alice.Network().Create("bob")
	ok(t, bob.SetRecovery(background, nil, key))
	list(t, bob)
	mine, again := readBox(t, box), readBox(t, must(alice.SealRecovery(background, key, s)))
	bobs := readBox(t, must(bob.SealRecovery(background, key, s)))
	for name, b := range map[string][]byte{
		"of another box": boxOf(mine.Box, again.Sealed), "of another user": boxOf(mine.Box, bobs.Sealed),
		"of a box of another user": boxOf(bobs.Box, mine.Sealed),
	} {
		_, err := sotto.OpenRecovery(background, "alice", b, s)
		wantFaultOf(t, name, err, fault.Damaged)
	}
	// Whoever has the root of a box binds what is sealed to its user.
	root := must(must(lockbox.Parse(mine.Box, wire.AppendBound(nil, wire.LabelRecoveryBox, []byte("alice")))).Open(background, s))
	for name, c := range map[string]struct {
		place cose.Context
		b     []byte
		want  fault.Code
	}{
		"another user":  {cose.Bind(wire.LabelRecoveryBox, []byte("bob")), must(key.ExportSecret()), fault.Damaged},
		"another place": {cose.Bind(wire.LabelLockbox, []byte("alice")), must(key.ExportSecret()), fault.Malformed},
		"a short key":   {cose.Bind(wire.LabelRecoveryBox, []byte("alice")), make([]byte, 31), fault.Malformed},
		"a long key":    {cose.Bind(wire.LabelRecoveryBox, []byte("alice")), make([]byte, 33), fault.Malformed},
	} {
		_, err := sotto.OpenRecovery(background, "alice", boxOf(mine.Box, must(root.Encrypt0(nil, c.b, c.place))), s)
		wantFaultOf(t, name, err, c.want)
	}
}

// Whatever was flipped, cut or appended: no key, and no password is blamed for it.
func TestADamagedRecoveryBoxGivesNoKey(t *testing.T) {
	s := newSecret()
	_, _, box := withBox(t, s)
	try := func(b []byte) {
		t.Helper()
		got, err := sotto.OpenRecovery(background, "alice", b, s)
		if faulttest.FromInput(t, err); err == nil || got != nil || fault.Of(err) == fault.WrongSecret {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	for i := range box {
		for _, bit := range []byte{1, 0x80} {
			b := slices.Clone(box)
			b[i] ^= bit
			try(b)
		}
		try(box[:i])
	}
	try(append(slices.Clone(box), 0))
	try(nil)
	try(make([]byte, 1<<16))
	f := readBox(t, box)
	for _, bad := range []boxFields{
		{Label: boxLabel, Sealed: f.Sealed}, {Label: boxLabel, Box: f.Box}, {Label: boxLabel, Box: f.Sealed, Sealed: f.Box},
		{Label: "sotto/v1.lockbox", Box: f.Box, Sealed: f.Sealed}, {Label: "sotto/v1.", Box: f.Box, Sealed: f.Sealed}, {Box: f.Box, Sealed: f.Sealed},
	} {
		try(bad.bytes())
	}
	long := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 4), boxLabel)
	try(append(wire.AppendBytes(wire.AppendBytes(long, f.Box), f.Sealed), wire.Null))
	short := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 2), boxLabel)
	try(wire.AppendBytes(short, f.Box))
}

func TestARecoveryBoxOfANewerVersionIsNoDamagedOne(t *testing.T) {
	s := newSecret()
	_, _, box := withBox(t, s)
	f := readBox(t, box)
	f.Label = "sotto/v2.recovery-box"
	more := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 4), f.Label)
	more = append(wire.AppendBytes(wire.AppendBytes(more, f.Box), f.Sealed), wire.Null)
	for _, newer := range [][]byte{f.bytes(), more} {
		_, err := sotto.OpenRecovery(background, "alice", newer, s)
		wantFault(t, err, fault.UnsupportedVersion)
	}
	for _, large := range [][]byte{
		make([]byte, lockbox.MaxSize+1<<10+1), boxOf(make([]byte, lockbox.MaxSize+1), f.Sealed), boxOf(f.Box, make([]byte, 257)),
	} {
		_, err := sotto.OpenRecovery(background, "alice", large, s)
		wantFault(t, err, fault.OverLimit)
	}
}

func TestOnlyTheRecoveryKeyInForceIsSealed(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	s, first, second := newSecret(), recovery.Generate(), recovery.Generate()
	refused := func(want fault.Code, key *recovery.Key, secrets ...*lockbox.Secret) {
		t.Helper()
		box, err := alice.SealRecovery(background, key, secrets...)
		if wantFault(t, err, want); box != nil {
			t.Error("a box beside the error")
		}
	}
	before := generation(t, alice.Backend)
	refused(fault.Misuse, first, s) // no key was ever set
	ok(t, alice.SetRecovery(background, nil, first))
	refused(fault.Misuse, first, s) // it is not in the log yet
	list(t, alice)
	refused(fault.WrongSecret, second, s)
	refused(fault.Misuse, nil, s)
	refused(fault.Misuse, first)
	refused(fault.DestroyedKey, first, nil)
	refused(fault.DestroyedKey, first, s, nil)
	destroyed := recovery.Generate()
	destroyed.Destroy()
	refused(fault.DestroyedKey, destroyed, s)
	spent := newSecret()
	spent.Destroy()
	refused(fault.DestroyedKey, first, spent)
	if generation(t, alice.Backend) == before {
		t.Fatal("nothing was set")
	}
	must(alice.SealRecovery(background, first, s))
	ok(t, alice.SetRecovery(background, first, second))
	list(t, alice)
	before = generation(t, alice.Backend)
	refused(fault.WrongSecret, first, s)
	must(alice.SealRecovery(background, second, s))
	ctx, cancel := context.WithCancel(background)
	cancel()
	_, err := alice.SealRecovery(ctx, second, s)
	wantFault(t, err, fault.Canceled)
	box := must(alice.SealRecovery(background, second, s))
	_, err = sotto.OpenRecovery(ctx, "alice", box, s)
	wantFault(t, err, fault.Canceled)
	_, err = sotto.OpenRecovery(background, "alice", box, nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = sotto.OpenRecovery(background, "alice", box, spent)
	wantFault(t, err, fault.DestroyedKey)
	if generation(t, alice.Backend) != before {
		t.Error("something was written")
	}
	alice.Lock()
	refused(fault.DestroyedKey, second, s)
}

// A key store that forgets would leave the user with a box that never opens.
func TestARecoveryBoxIsOpenedBeforeItIsGivenOut(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	key := withRecovery(t, alice)
	box, err := alice.SealRecovery(background, key, newSecret(), lockbox.Wrapped(forgetful{must(cose.GenerateKey(cose.A256GCM))}))
	if wantFault(t, err, fault.Damaged); box != nil {
		t.Error("a box that one of its secrets does not open")
	}
}

// forgetful wraps, and unwraps never.
type forgetful struct{ cose.Wrapper }

func (forgetful) UnwrapKey(wrapped, aad []byte) (*cose.Key, error) { return nil, fault.Damaged }

func FuzzOpenRecovery(f *testing.F) {
	key := must(recovery.NewKey(bytes.Repeat([]byte{7}, recovery.Size)))
	s := lockbox.Recovery(must(recovery.NewKey(bytes.Repeat([]byte{1}, recovery.Size)))) // the cheapest kind, and one that stays the same
	place := wire.AppendBound(nil, wire.LabelRecoveryBox, []byte("alice"))
	slots, root, err := lockbox.New(background, place, s)
	ok(f, err)
	sealed := must(root.Encrypt0(nil, must(key.ExportSecret()), cose.Context{Type: wire.LabelRecoveryBox, AAD: place}))
	box := boxOf(slots.Bytes(), sealed)
	newer := boxFields{Label: "sotto/v2.recovery-box", Box: slots.Bytes(), Sealed: sealed}.bytes()
	for _, b := range [][]byte{box, box[:len(box)-1], slots.Bytes(), sealed, newer, nil} {
		f.Add(b)
	}
	if got, err := sotto.OpenRecovery(background, "alice", box, s); err != nil || !got.Equal(key) {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, boxOf(b, sealed), boxOf(slots.Bytes(), b)} {
			got, err := sotto.OpenRecovery(background, "alice", in, s)
			faulttest.FromInput(t, err)
			if (err == nil) != (got != nil) || err == nil && !bytes.Equal(in, readBox(t, in).bytes()) {
				t.Errorf("opened: %v", err)
			}
		}
	})
}
