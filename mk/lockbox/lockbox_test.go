package lockbox_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
)

func TestEverySecretOpensTheOneRoot(t *testing.T) {
	secrets := func(i byte) []*lockbox.Secret {
		p := fmt.Sprint("password ", i)
		return []*lockbox.Secret{password(p), pbkdf2(p), printed(t, i), lockbox.Wrapped(master(t, i))}
	}
	all := append(secrets(1), secrets(2)...)
	b, root := newBox(t, all[0], all[1:]...)
	stored, err := lockbox.Parse(b.Bytes(), owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(secrets(1), secrets(2)...) {
		opens(t, b, s, root)
		opens(t, stored, s, root)
	}
	for _, s := range secrets(3) {
		refuses(t, b, s, fault.WrongSecret)
	}
	if root.Algorithm() != cose.A256GCM {
		t.Errorf("the root is a key of %v", root.Algorithm())
	}
}

// A box that was stored once opens for ever.
func TestFrozenBoxOpens(t *testing.T) {
	text, err := os.ReadFile("testdata/box_v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	b, err := lockbox.Parse(raw, owner)
	if err != nil {
		t.Fatal(err)
	}
	root, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*lockbox.Secret{
		password("\u00c5ngstr\u00f6m's secret"), pbkdf2("correct horse"), printed(t, 7), lockbox.Wrapped(master(t, 8)),
	} {
		opens(t, b, s, root)
	}
}

func TestSlotsTellWhatOpeningTakes(t *testing.T) {
	b, _ := newBox(t, lockbox.Password([]byte("p"), mk.Params{Time: 2, MemoryKiB: 9000, Threads: 3}),
		lockbox.PBKDF2Password([]byte("p"), 123_456), printed(t, 1), lockbox.Wrapped(master(t, 1)))
	want := []lockbox.Slot{
		{Kind: lockbox.KindArgon2id, MemoryBytes: 9000 << 10, Params: mk.Params{Time: 2, MemoryKiB: 9000, Threads: 3}}, {Kind: lockbox.KindPBKDF2, Rounds: 123_456},
		{Kind: lockbox.KindRecovery}, {Kind: lockbox.KindWrapped},
	}
	if got := fmt.Sprint(b.Slots()); got != fmt.Sprint(want) {
		t.Errorf("slots are %v, want %v", got, want)
	}
	names := fmt.Sprint(lockbox.KindPBKDF2, lockbox.KindArgon2id, lockbox.KindRecovery, lockbox.KindWrapped, lockbox.Kind(9))
	if names != "PBKDF2 Argon2id recovery key wrapper kind 9" {
		t.Errorf("kinds are called %s", names)
	}
}

func TestDefaultOfPBKDF2(t *testing.T) {
	b, _ := newBox(t, lockbox.PBKDF2Password([]byte("p"), 0))
	if got := b.Slots()[0].Rounds; got != 600_000 {
		t.Errorf("%d iterations", got)
	}
}

func TestChangeOfPasswordKeepsTheRootAndShutsOutTheOldPassword(t *testing.T) {
	before, root := newBox(t, password("old"), printed(t, 1))
	after, err := before.Replace(ctx, password("old"), password("new"))
	if err != nil {
		t.Fatal(err)
	}
	opens(t, after, password("new"), root)
	opens(t, after, printed(t, 1), root)
	refuses(t, after, password("old"), fault.WrongSecret)
	opens(t, before, password("old"), root) // an old copy: the documentation says so
	refuses(t, before, password("new"), fault.WrongSecret)
	if got := after.Slots(); len(got) != 2 || got[0].Kind != lockbox.KindRecovery || got[1].Kind != lockbox.KindArgon2id {
		t.Errorf("slots are %v", got)
	}

	_, err = before.Replace(ctx, password("wrong"), password("new"))
	wantFault(t, err, fault.WrongSecret)
	_, err = before.Replace(ctx, password("wrong"), password("")) // the new one is looked at first
	wantFault(t, err, fault.Malformed)
	_, err = before.Replace(ctx, password("old"), nil)
	wantFault(t, err, fault.DestroyedKey)
	_, err = before.Replace(ctx, nil, password("new"))
	wantFault(t, err, fault.DestroyedKey)
}

func TestReplaceDropsEverySlotThatTheOldSecretOpens(t *testing.T) {
	b, root := newBox(t, printed(t, 1), printed(t, 2), printed(t, 1))
	b, err := b.Replace(ctx, printed(t, 1), printed(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, b, printed(t, 1), fault.WrongSecret)
	opens(t, b, printed(t, 2), root)
	opens(t, b, printed(t, 3), root)
	if n := len(b.Slots()); n != 2 {
		t.Errorf("%d slots are left", n)
	}
	// The only slot may be replaced, and a full box may change its password.
	b, root = newBox(t, printed(t, 0), many(t, lockbox.MaxSlots-1)...)
	if b, err = b.Replace(ctx, printed(t, 0), printed(t, 100)); err != nil {
		t.Fatal(err)
	}
	opens(t, b, printed(t, 100), root)
}

func many(t testing.TB, n int) []*lockbox.Secret {
	t.Helper()
	all := make([]*lockbox.Secret, n)
	for i := range all {
		all[i] = printed(t, byte(i+1))
	}
	return all
}

func TestAddAndRemove(t *testing.T) {
	one, root := newBox(t, printed(t, 1))
	two, err := one.Add(ctx, root, printed(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	three, err := two.Add(ctx, root, printed(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, one, printed(t, 2), fault.WrongSecret)
	for i, left := range [][2]byte{{2, 3}, {1, 3}, {1, 2}} {
		b, err := three.Remove(root, i)
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, b, printed(t, byte(i+1)), fault.WrongSecret)
		opens(t, b, printed(t, left[0]), root)
		opens(t, b, printed(t, left[1]), root)
		opens(t, three, printed(t, byte(i+1)), root)
	}
}

func TestLastSlotStays(t *testing.T) {
	b, root := newBox(t, printed(t, 1))
	_, err := b.Remove(root, 0)
	wantFault(t, err, fault.Misuse)
	b, root = newBox(t, printed(t, 1), printed(t, 2))
	for _, position := range []int{-1, 2} {
		_, err := b.Remove(root, position)
		wantFault(t, err, fault.Misuse)
	}
}

func TestOnlyTheRootChangesABox(t *testing.T) {
	b, root := newBox(t, printed(t, 1), printed(t, 2))
	_, other := newBox(t, printed(t, 1))
	destroyed, err := b.Open(ctx, printed(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	destroyed.Destroy()
	for _, c := range []struct {
		root *cose.Key
		want fault.Code
	}{{other, fault.WrongSecret}, {destroyed, fault.DestroyedKey}, {nil, fault.DestroyedKey}} {
		_, err := b.Add(ctx, c.root, printed(t, 3))
		wantFault(t, err, c.want)
		_, err = b.Remove(c.root, 0)
		wantFault(t, err, c.want)
	}
	opens(t, b, printed(t, 2), root)
}

func TestSlotsAreLimited(t *testing.T) {
	b, root := newBox(t, printed(t, 0), many(t, lockbox.MaxSlots-1)...)
	opens(t, b, printed(t, lockbox.MaxSlots-1), root)
	done := &lateCancel{ctx, 0} // before any password takes its time
	_, err := b.Add(done, root, printed(t, 0))
	wantFault(t, err, fault.OverLimit)
	_, _, err = lockbox.New(done, owner, printed(t, 0), many(t, lockbox.MaxSlots)...)
	wantFault(t, err, fault.OverLimit)
}

func TestOwnerIsBounded(t *testing.T) {
	b, _ := newBox(t, printed(t, 1))
	for n, want := range map[int]fault.Code{0: fault.Misuse, 1: 0, lockbox.MaxOwner: 0, lockbox.MaxOwner + 1: fault.Misuse} {
		name := make([]byte, n)
		_, _, err := lockbox.New(ctx, name, printed(t, 1))
		if want == 0 {
			if err != nil {
				t.Errorf("owner of %d bytes: %v", n, err)
			}
			continue
		}
		wantFault(t, err, want)
		_, err = lockbox.Parse(b.Bytes(), name)
		wantFault(t, err, want)
	}
}

func TestBoxDoesNotChangeWithTheCallersBytes(t *testing.T) {
	name, p := []byte("bob"), []byte("password")
	s := lockbox.Password(p, cheap)
	clear(p)
	b, root, err := lockbox.New(ctx, name, s)
	if err != nil {
		t.Fatal(err)
	}
	clear(name)
	clear(b.Bytes())
	opens(t, b, password("password"), root)
	raw := b.Bytes()
	name = []byte("bob")
	if b, err = lockbox.Parse(raw, name); err != nil {
		t.Fatal(err)
	}
	clear(raw)
	clear(name)
	opens(t, b, password("password"), root)
}

// lateCancel is a context that is cancelled after it was asked a number of times.
type lateCancel struct {
	context.Context
	left int
}

func (c *lateCancel) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestContextIsLookedAtBetweenSlots(t *testing.T) {
	b, root := newBox(t, printed(t, 1), printed(t, 2), printed(t, 3))
	for asked := range 3 {
		late := func() context.Context { return &lateCancel{ctx, asked} }
		_, err := b.Open(late(), printed(t, 3))
		wantFault(t, err, fault.Canceled)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		_, err = b.Replace(late(), printed(t, 1), printed(t, 4))
		wantFault(t, err, fault.Canceled)
		_, _, err = lockbox.New(late(), owner, printed(t, 1), printed(t, 2), printed(t, 3))
		wantFault(t, err, fault.Canceled)
	}
	if got, err := b.Open(&lateCancel{ctx, 3}, printed(t, 3)); err != nil || !got.Equal(root) {
		t.Error(err)
	}
	_, err := b.Add(&lateCancel{ctx, 0}, root, printed(t, 4))
	wantFault(t, err, fault.Canceled)
	_, err = b.Open(nil, printed(t, 1)) //lint:ignore SA1012 that is what is tested
	wantFault(t, err, fault.Misuse)
}

func TestZeroAndNilBoxesAreRefused(t *testing.T) {
	_, root := newBox(t, printed(t, 1))
	for _, b := range []*lockbox.Box{nil, {}} {
		_, err := b.Open(ctx, printed(t, 1))
		wantFault(t, err, fault.Misuse)
		_, err = b.Add(ctx, root, printed(t, 1))
		wantFault(t, err, fault.Misuse)
		_, err = b.Remove(root, 0)
		wantFault(t, err, fault.Misuse)
		_, err = b.Replace(ctx, printed(t, 1), printed(t, 2))
		wantFault(t, err, fault.Misuse)
		if len(b.Slots()) != 0 || len(b.Bytes()) != 0 {
			t.Error("no box has something inside")
		}
	}
}
