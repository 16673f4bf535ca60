package lockbox_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

var wantFault = faulttest.Want

var (
	ctx   = context.Background()
	owner = []byte("alice")

	// cheap keeps the tests fast; it is the least that mk allows.
	cheap = mk.Params{Time: mk.MinTime, MemoryKiB: mk.MinMemoryKiB, Threads: 1}
)

func password(p string) *lockbox.Secret { return lockbox.Password([]byte(p), cheap) }

func pbkdf2(p string) *lockbox.Secret {
	return lockbox.PBKDF2Password([]byte(p), lockbox.MinRounds)
}

func recoveryKey(t testing.TB, b byte) *recovery.Key {
	t.Helper()
	k, err := recovery.NewKey(bytes.Repeat([]byte{b}, recovery.Size))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// printed is the secret of a recovery key, the cheapest kind.
func printed(t testing.TB, b byte) *lockbox.Secret { return lockbox.Recovery(recoveryKey(t, b)) }

func master(t testing.TB, b byte) *mk.Key {
	t.Helper()
	k, err := mk.NewKey(bytes.Repeat([]byte{b}, mk.Size))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newBox(t testing.TB, first *lockbox.Secret, more ...*lockbox.Secret) (*lockbox.Box, *cose.Key) {
	t.Helper()
	b, root, err := lockbox.New(ctx, owner, first, more...)
	if err != nil {
		t.Fatal(err)
	}
	return b, root
}

// opens expects that s opens b with the given root.
func opens(t testing.TB, b *lockbox.Box, s *lockbox.Secret, root *cose.Key) {
	t.Helper()
	got, err := b.Open(ctx, s)
	if err != nil || !got.Equal(root) {
		t.Errorf("does not open: %v", err)
	}
}

// refuses expects that s does not open b.
func refuses(t testing.TB, b *lockbox.Box, s *lockbox.Secret, want fault.Code) {
	t.Helper()
	root, err := b.Open(ctx, s)
	if root != nil {
		t.Error("a root beside the error")
	}
	wantFault(t, err, want)
}

// parts are what a box consists of, to be changed and put together again by whoever does not know the root.
type parts struct {
	label string
	body  body
	mac   []byte
}

type body struct {
	ID    [16]byte `cbor:"1,keyasint"`
	Slots [][]byte `cbor:"2,keyasint"`
}

func takeApart(t testing.TB, b *lockbox.Box) *parts {
	t.Helper()
	r := wire.NewReader(b.Bytes())
	r.Array("box", 4)
	p := &parts{label: r.Text("label", 100)}
	if err := wire.Unmarshal("body", r.Bytes("body", 1<<15), 1<<15, &p.body); err != nil {
		t.Fatal(err)
	}
	p.mac = r.Bytes("mac", 32)
	r.Bytes("check", 32)
	if err := r.End("box"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *parts) encodedBody(t testing.TB) []byte {
	t.Helper()
	b, err := wire.Marshal(p.body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// together encodes the box with a right check.
func (p *parts) together(t testing.TB) []byte {
	t.Helper()
	b := wire.AppendHead(nil, wire.MajorArray, 4)
	b = wire.AppendText(b, p.label)
	b = wire.AppendBytes(b, p.encodedBody(t))
	return checked(wire.AppendBytes(b, p.mac))
}

// checked appends the check to the bytes of a box before it.
func checked(b []byte) []byte {
	b = append(b, 0x58, 0x20)
	sum := sha256.Sum256(append(wire.AppendBound(nil, "sotto/v1.lockbox-check", owner), b...))
	return append(b, sum[:]...)
}

// mark sets the mac as a holder of the root does.
func (p *parts) mark(t testing.TB, root *cose.Key) {
	t.Helper()
	secret, err := root.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	info := wire.AppendBound(nil, "sotto/v1.lockbox-mac", owner)
	key, err := hkdf.Key(sha256.New, secret, p.body.ID[:], string(info), 32)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	h.Write(p.encodedBody(t))
	p.mac = h.Sum(nil)
}

func (p *parts) parse(t testing.TB) *lockbox.Box {
	t.Helper()
	b, err := lockbox.Parse(p.together(t), owner)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// slotOf makes a slot of the box for whoever knows s, the secret behind its key.
func (p *parts) slotOf(t testing.TB, h slot.Header, s, plaintext []byte) []byte {
	t.Helper()
	if h.Salt == nil {
		h.Salt = bytes.Repeat([]byte{1}, slot.SaltSize)
	}
	place := &slot.Place{Type: "sotto/v1.lockbox", KDF: "sotto/v1.lockbox-slot", Items: [][]byte{
		wire.AppendBytes(nil, owner), wire.AppendBytes(nil, p.body.ID[:]),
	}}
	raw, err := slot.Seal(place, &h, s, make([]byte, slot.IVSize), plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// behind is the secret behind the slots of printed(b).
func behind(t testing.TB, b byte) []byte {
	t.Helper()
	s, err := recoveryKey(t, b).ExportSecretFor(recovery.ForLockbox)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exported(t testing.TB, k *cose.Key) []byte {
	t.Helper()
	b, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
