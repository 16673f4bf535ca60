package lockbox_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

func TestSecretThatCannotBeUsedIsReportedByTheCallThatUsesIt(t *testing.T) {
	b, root := newBox(t, password("p"), pbkdf2("p"))
	for name, c := range map[string]struct {
		s    *lockbox.Secret
		want fault.Code
	}{
		"empty password":               {password(""), fault.Malformed},
		"control character":            {password("pass\nword"), fault.Malformed},
		"not UTF-8":                    {password("pass\xffword"), fault.Malformed},
		"long password":                {password(strings.Repeat("p", mk.MaxPassword+1)), fault.OverLimit},
		"empty PBKDF2 password":        {pbkdf2(""), fault.Malformed},
		"long PBKDF2 password":         {pbkdf2(strings.Repeat("p", mk.MaxPassword+1)), fault.OverLimit},
		"too few iterations":           {lockbox.PBKDF2Password([]byte("p"), lockbox.MinRounds-1), fault.Misuse},
		"negative iterations":          {lockbox.PBKDF2Password([]byte("p"), -1), fault.Misuse},
		"too many iterations":          {lockbox.PBKDF2Password([]byte("p"), lockbox.MaxRounds+1), fault.OverLimit},
		"nil recovery key":             {lockbox.Recovery(nil), fault.DestroyedKey},
		"nil wrapper":                  {lockbox.Wrapped(nil), fault.Misuse},
		"nil secret":                   {nil, fault.DestroyedKey},
		"zero secret":                  {&lockbox.Secret{}, fault.DestroyedKey},
		"empty password, any params":   {lockbox.Password(nil, mk.Params{}), fault.Malformed},
		"destroyed password":           {destroyed(password("p")), fault.DestroyedKey},
		"destroyed recovery secret":    {destroyed(printed(t, 1)), fault.DestroyedKey},
		"destroyed wrapper secret":     {destroyed(lockbox.Wrapped(master(t, 1))), fault.DestroyedKey},
		"destroyed twice, and refused": {destroyed(destroyed(password(""))), fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			// With a context that is done: the secret is looked at before any password takes its time.
			done := &lateCancel{ctx, 0}
			_, err := b.Open(done, c.s)
			wantFault(t, err, c.want)
			_, err = b.Add(done, root, c.s)
			wantFault(t, err, c.want)
			_, _, err = lockbox.New(done, owner, c.s)
			wantFault(t, err, c.want)
			_, _, err = lockbox.New(done, owner, printed(t, 1), c.s)
			wantFault(t, err, c.want)
		})
	}
}

func destroyed(s *lockbox.Secret) *lockbox.Secret {
	s.Destroy()
	return s
}

func TestCostsOfANewSlotAreThoseOfMk(t *testing.T) {
	_, root := newBox(t, printed(t, 1))
	root.Destroy()
	for _, p := range []mk.Params{{}, {Time: 1, MemoryKiB: mk.MinMemoryKiB - 1, Threads: 1}} {
		_, _, err := lockbox.New(ctx, owner, lockbox.Password([]byte("p"), p))
		wantFault(t, err, fault.Misuse)
	}
	_, _, err := lockbox.New(ctx, owner, lockbox.Password([]byte("p"), mk.Params{Time: 1, MemoryKiB: mk.MaxMemoryKiB + 1, Threads: 1}))
	wantFault(t, err, fault.OverLimit)

	// Opening takes the costs of the slot.
	b, root := newBox(t, password("p"), pbkdf2("p"))
	opens(t, b, lockbox.Password([]byte("p"), mk.Params{}), root)
	opens(t, b, lockbox.PBKDF2Password([]byte("p"), lockbox.MaxRounds), root)
}

// What a slot may ask for is what mk would compute. The bounds stand in two places because internal/slot is below mk.
func TestBoundsOfStoredCostsAreThoseOfMk(t *testing.T) {
	b, _ := newBox(t, printed(t, 1))
	p := takeApart(t, b)
	for _, c := range []struct {
		costs []int64
		want  fault.Code
	}{
		{[]int64{mk.MinTime, mk.MinMemoryKiB, mk.MinThreads}, 0},
		{[]int64{mk.MaxTime, mk.MaxMemoryKiB, mk.MaxThreads}, 0},
		{[]int64{mk.MinTime - 1, mk.MinMemoryKiB, mk.MinThreads}, fault.Malformed},
		{[]int64{mk.MinTime, mk.MinMemoryKiB - 1, mk.MinThreads}, fault.Malformed},
		{[]int64{mk.MinTime, mk.MinMemoryKiB, mk.MinThreads - 1}, fault.Malformed},
		{[]int64{mk.MaxTime + 1, mk.MinMemoryKiB, mk.MinThreads}, fault.OverLimit},
		{[]int64{mk.MinTime, mk.MaxMemoryKiB + 1, mk.MinThreads}, fault.OverLimit},
		{[]int64{mk.MinTime, mk.MinMemoryKiB, mk.MaxThreads + 1}, fault.OverLimit},
		{[]int64{mk.MinTime, mk.MinMemoryKiB, 257}, fault.OverLimit},
	} {
		p.body.Slots = [][]byte{p.slotOf(t, slot.Header{Kind: slot.Argon2id, Costs: c.costs}, behind(t, 1), make([]byte, 32))}
		_, err := lockbox.Parse(p.together(t), owner)
		if c.want == 0 && err != nil {
			t.Errorf("%v: %v", c.costs, err)
		}
		if c.want != 0 {
			wantFault(t, err, c.want)
		}
	}
}

func TestSpellingsOfOnePasswordOpen(t *testing.T) {
	for _, secret := range []func(string) *lockbox.Secret{password, pbkdf2} {
		b, root := newBox(t, secret("p\u00e4ss word"))
		opens(t, b, secret("pa\u0308ss word"), root)
		opens(t, b, secret("p\u00e4ss\u00a0word"), root)
		opens(t, b, secret("pa\u0308ss\u3000word"), root)
		refuses(t, b, secret("p\u00c4ss word"), fault.WrongSecret)
		refuses(t, b, secret("pass word"), fault.WrongSecret)
		refuses(t, b, secret("p\u00e4ss word "), fault.WrongSecret)
	}
}

// The two stretchings of one password do not open each other's slots.
func TestKindsAreApart(t *testing.T) {
	b, _ := newBox(t, password("p"))
	refuses(t, b, printed(t, 1), fault.WrongSecret)
	_, err := b.Open(ctx, printed(t, 1))
	if err == nil || !strings.Contains(err.Error(), "no slot for a secret of kind recovery key") {
		t.Errorf("the error does not say that there is no such slot: %v", err)
	}
}

// Who types a password does not know how it was stretched.
func TestPasswordOpensSlotsOfEitherKindAndReplacesBoth(t *testing.T) {
	b, root := newBox(t, pbkdf2("p"), password("q"))
	opens(t, b, password("p"), root)
	opens(t, b, pbkdf2("q"), root)
	refuses(t, b, pbkdf2("r"), fault.WrongSecret)
	b, root = newBox(t, pbkdf2("p"), password("p"))
	b, err := b.Replace(ctx, password("p"), password("new"))
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, b, pbkdf2("p"), fault.WrongSecret)
	opens(t, b, password("new"), root)
	if n := len(b.Slots()); n != 1 {
		t.Errorf("%d slots are left", n)
	}
}

func TestSecretOutlivesTheRecoveryKey(t *testing.T) {
	k := recovery.Generate()
	s := lockbox.Recovery(k)
	b, root := newBox(t, s)
	k.Destroy()
	opens(t, b, s, root)
}

// keyStore is an app's own wrapper: it seals under a master key and answers as it is told.
type keyStore struct {
	*mk.Key
	asked  int
	answer func(asked int) error // nil, or what UnwrapKey fails with
}

func (w *keyStore) UnwrapKey(wrapped, aad []byte) (*cose.Key, error) {
	w.asked++
	if w.answer != nil {
		if err := w.answer(w.asked); err != nil {
			return nil, err
		}
	}
	return w.Key.UnwrapKey(wrapped, aad)
}

// badOnce fails on the first slot and works on the second.
func badOnce(err error) func(int) error {
	return func(asked int) error {
		if asked == 1 {
			return err
		}
		return nil
	}
}

func TestBadWrapperSlotDoesNotHideAGoodOne(t *testing.T) {
	b, root := newBox(t, lockbox.Wrapped(master(t, 1)), lockbox.Wrapped(master(t, 2)))
	for _, failure := range []error{
		fault.WrongSecret, fault.Malformed, fault.Damaged, fault.StoreFailed, fault.UnsupportedVersion, errors.New("no code"),
	} {
		opens(t, b, lockbox.Wrapped(&keyStore{Key: master(t, 2), answer: badOnce(failure)}), root)
	}
}

func TestOpenStopsAtTheFirstSlotThatOpens(t *testing.T) {
	b, root := newBox(t, lockbox.Wrapped(master(t, 1)), lockbox.Wrapped(master(t, 1)), lockbox.Wrapped(master(t, 2)))
	w := &keyStore{Key: master(t, 1)}
	opens(t, b, lockbox.Wrapped(w), root)
	if w.asked != 1 {
		t.Errorf("asked %d times", w.asked)
	}
}

func TestErrorOfWrappersIsTheMostUsefulOne(t *testing.T) {
	b, _ := newBox(t, lockbox.Wrapped(master(t, 1)), lockbox.Wrapped(master(t, 2)))
	always := func(err error) func(int) error { return func(int) error { return err } }
	for _, c := range []struct {
		answer func(int) error
		want   fault.Code
		asked  int
	}{
		{nil, fault.WrongSecret, 2},
		{always(fault.Malformed), fault.WrongSecret, 2}, // what another kind of wrapper sealed
		{badOnce(fault.Damaged), fault.Damaged, 2},
		{badOnce(fault.StoreFailed), fault.StoreFailed, 2},
		{badOnce(errors.New("locked")), fault.StoreFailed, 2},
		{always(fault.Canceled), fault.Canceled, 1}, // the user declined: no second prompt
		{always(fault.DestroyedKey), fault.DestroyedKey, 1},
	} {
		w := &keyStore{Key: master(t, 3), answer: c.answer}
		refuses(t, b, lockbox.Wrapped(w), c.want)
		if w.asked != c.asked {
			t.Errorf("%s: asked %d times", c.want.Name(), w.asked)
		}
	}
}

// A slot that failed for another reason than a wrong secret may open tomorrow: the old secret would live on.
func TestReplaceIsNotDoneWhileASlotIsInDoubt(t *testing.T) {
	b, _ := newBox(t, lockbox.Wrapped(master(t, 1)), lockbox.Wrapped(master(t, 1)))
	doubt := lockbox.Wrapped(&keyStore{Key: master(t, 1), answer: badOnce(fault.StoreFailed)})
	replaced, err := b.Replace(ctx, doubt, printed(t, 3))
	wantFault(t, err, fault.StoreFailed)
	if replaced != nil {
		t.Error("a box beside the error")
	}
}

func TestRingOpensAndReplacesEverySlotOfItsKeys(t *testing.T) {
	b, root := newBox(t, lockbox.Wrapped(master(t, 1)), lockbox.Wrapped(master(t, 2)), lockbox.Wrapped(master(t, 3)))
	ring, err := mk.NewRing(master(t, 2), master(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	opens(t, b, lockbox.Wrapped(ring), root)
	if b, err = b.Replace(ctx, lockbox.Wrapped(ring), lockbox.Wrapped(master(t, 4))); err != nil {
		t.Fatal(err)
	}
	refuses(t, b, lockbox.Wrapped(ring), fault.WrongSecret)
	opens(t, b, lockbox.Wrapped(master(t, 3)), root)
	opens(t, b, lockbox.Wrapped(master(t, 4)), root)
}

// odd is a wrapper that wraps in a way of its own.
type odd struct {
	wrapped []byte
	err     error
}

func (w odd) WrapKey(*cose.Key, []byte) ([]byte, error) { return w.wrapped, w.err }
func (w odd) UnwrapKey(wrapped, _ []byte) (*cose.Key, error) {
	return cose.NewKey(cose.A256GCM, wrapped[:32])
}

func TestNewSlotOfAWrapperIsChecked(t *testing.T) {
	long := bytes.Repeat([]byte{1}, slot.MaxWrapped+1)
	b, root := newBox(t, lockbox.Wrapped(odd{wrapped: long[1:]}))
	opens(t, b, lockbox.Wrapped(odd{}), root)
	for name, c := range map[string]struct {
		w    cose.Wrapper
		want fault.Code
	}{
		"too long for a slot":         {odd{wrapped: long}, fault.OverLimit},
		"too long for anything":       {odd{wrapped: make([]byte, 1<<20)}, fault.OverLimit},
		"nothing":                     {odd{}, fault.StoreFailed},
		"does not seal":               {odd{err: fault.Canceled}, fault.Canceled},
		"does not open what it seals": {&keyStore{Key: master(t, 1), answer: badOnce(fault.StoreFailed)}, fault.StoreFailed},
		"destroyed":                   {&mk.Key{}, fault.DestroyedKey},
	} {
		_, err := b.Add(ctx, root, lockbox.Wrapped(c.w))
		if err == nil {
			t.Errorf("%s: added", name)
		}
		wantFault(t, err, c.want)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	s := password("hush hush hush!!")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		out := fmt.Sprintf(verb+" "+verb+" "+verb, s, *s, []*lockbox.Secret{s})
		for _, leak := range []string{"hush", hex.EncodeToString([]byte("hush")), "104 117"} {
			if strings.Contains(out, leak) {
				t.Errorf("%s prints the password: %s", verb, out)
			}
		}
	}
	for _, bad := range []string{"hush\x00", "\xffhush"} {
		_, _, err := lockbox.New(ctx, owner, password(bad))
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("error is %v", err)
		}
	}
}

// Two boxes of one owner and secret have nothing in common that tells so.
func TestSlotsOfOneSecretDiffer(t *testing.T) {
	b, _ := newBox(t, printed(t, 1), printed(t, 1))
	c, _ := newBox(t, printed(t, 1))
	slots := slices.Concat(takeApart(t, b).body.Slots, takeApart(t, c).body.Slots)
	seen := map[string]bool{}
	for _, raw := range slots {
		parsed, err := slot.Parse(raw, "sotto/v1.lockbox")
		if err != nil {
			t.Fatal(err)
		}
		commitment := raw[bytes.Index(raw, []byte{0x3a, 0x00, 0x01, 0x11, 0x73})+7:][:32]
		if seen[string(parsed.Salt)] || seen[string(commitment)] {
			t.Error("a salt or a commitment occurs twice")
		}
		seen[string(parsed.Salt)], seen[string(commitment)] = true, true
	}
}
