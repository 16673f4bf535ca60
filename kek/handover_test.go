package kek_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/kek"
)

// exchange is one request and its answer, with everybody who took part.
type exchange struct {
	key             *kek.Key
	me              *ecdh.PrivateKey
	member, manager *cose.Signer
	channel         kek.Channel
	request, grant  []byte
}

func newExchange(t testing.TB) *exchange {
	t.Helper()
	x := &exchange{
		key: kek.Generate(), me: ecdh.Generate(),
		member: signer(t, "member"), manager: signer(t, "manager"),
		channel: kek.Channel{ID: []byte("team"), Epoch: 3},
	}
	x.request = x.newRequest(t)
	x.grant = x.newGrant(t, x.manager)
	return x
}

func (x *exchange) newRequest(t testing.TB) []byte {
	t.Helper()
	request, err := kek.NewRequest(x.me, x.member, x.channel)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func (x *exchange) newGrant(t testing.TB, by *cose.Signer) []byte {
	t.Helper()
	grant, err := x.key.Grant(x.request, x.member.Verifier(), by, x.channel)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func (x *exchange) accept() (*kek.Key, error) {
	return kek.Accept(x.grant, x.request, x.me, x.member.Verifier(), x.manager.Verifier(), x.channel)
}

func signer(t testing.TB, keyID string) *cose.Signer {
	t.Helper()
	seed, err := cose.GenerateSigner().ExportSecretSeed()
	if err != nil {
		t.Fatal(err)
	}
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(seed), []byte(keyID))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAcceptedKeyIsTheGrantedOne(t *testing.T) {
	x := newExchange(t)
	got, err := x.accept()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(x.key) {
		t.Error("the member holds another key")
	}
}

// Each case changes one thing on the member's side of a good exchange.
func TestAcceptRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(x *exchange)
		want   fault.Code
	}{
		"a grant by a stranger":       {func(x *exchange) { x.grant = x.newGrant(t, signer(t, "manager")) }, fault.UntrustedSigner},
		"a grant by the member":       {func(x *exchange) { x.grant = x.newGrant(t, x.member) }, fault.UntrustedSigner},
		"for another request":         {func(x *exchange) { x.request = x.newRequest(t) }, fault.UntrustedSigner},
		"for another channel":         {func(x *exchange) { x.channel.ID = []byte("other") }, fault.UntrustedSigner},
		"for another epoch":           {func(x *exchange) { x.channel.Epoch++ }, fault.UntrustedSigner},
		"for another member":          {func(x *exchange) { x.member = signer(t, "member") }, fault.UntrustedSigner},
		"with another X25519 key":     {func(x *exchange) { x.me = ecdh.Generate() }, fault.Damaged},
		"with a destroyed X25519 key": {func(x *exchange) { x.me.Destroy() }, fault.DestroyedKey},
		"a request for a grant":       {func(x *exchange) { x.grant = x.request }, fault.UntrustedSigner},
		"nothing":                     {func(x *exchange) { x.grant = nil }, fault.Malformed},
		"too long a grant":            {func(x *exchange) { x.grant = make([]byte, 5000) }, fault.OverLimit},
		"too long a request":          {func(x *exchange) { x.request = make([]byte, 5000) }, fault.OverLimit},
		"no channel":                  {func(x *exchange) { x.channel.ID = nil }, fault.Misuse},
		"too long a channel":          {func(x *exchange) { x.channel.ID = make([]byte, kek.MaxChannelID+1) }, fault.Misuse},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExchange(t)
			c.change(x)
			got, err := x.accept()
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("a key beside the error")
			}
		})
	}
	x := newExchange(t)
	for _, keys := range []struct {
		me            *ecdh.PrivateKey
		self, manager *cose.Verifier
	}{{nil, x.member.Verifier(), x.manager.Verifier()}, {x.me, nil, x.manager.Verifier()}, {x.me, x.member.Verifier(), nil}} {
		_, err := kek.Accept(x.grant, x.request, keys.me, keys.self, keys.manager, x.channel)
		wantFault(t, err, fault.Misuse)
	}
}

// The grant is refused although signature and request are right: what the manager signed was sealed for elsewhere.
func TestAcceptChecksTheSealedPartToo(t *testing.T) {
	x := newExchange(t)
	y := newExchange(t)
	// A manager who signs the sealed part of another exchange, or one that is no key.
	sealedElsewhere, err := y.manager.Verifier().Verify1(y.grant, bindGrant(y))
	if err != nil {
		t.Fatal(err)
	}
	for name, c2 := range map[string]struct {
		payload []byte
		want    fault.Code
	}{
		"of another exchange": {sealedElsewhere, fault.Damaged},
		"empty":               {nil, fault.Malformed},
		"no COSE_Encrypt":     {[]byte("not sealed"), fault.Malformed},
	} {
		x.grant, err = x.manager.Sign1(nil, c2.payload, bindGrant(x))
		if err != nil {
			t.Fatal(err)
		}
		_, err := x.accept()
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantFault(t, err, c2.want)
	}
}

func bindGrant(x *exchange) cose.Context { return bind(x, "sotto/v1.kek-grant") }

func bind(x *exchange, label string) cose.Context {
	hash := sha256.Sum256(x.request)
	return cose.Bind(label, x.channel.ID, []byte{byte(x.channel.Epoch)}, hash[:],
		x.manager.Verifier().PublicKey(), x.member.Verifier().PublicKey())
}

// A manager can hand over whatever he likes, but only a channel key in its one form is taken: another would not survive
// the member's own storage. The good case shows that the rest is as Grant makes it, from docs/spec/kek-handover.md.
func TestAcceptTakesChannelKeysOnly(t *testing.T) {
	x := newExchange(t)
	secret := make([]byte, 32)
	for name, c := range map[string]struct {
		coseKey []byte
		want    fault.Code
	}{
		"good":              {append([]byte{0xa3, 1, 4, 3, 3, 0x20, 0x58, 0x20}, secret...), 0},
		"with a kid":        {append([]byte{0xa4, 1, 4, 2, 0x41, 7, 3, 3, 0x20, 0x58, 0x20}, secret...), fault.Malformed},
		"another algorithm": {append([]byte{0xa3, 1, 4, 3, 0x24, 0x20, 0x58, 0x20}, secret...), fault.Malformed},
		"no key":            {[]byte("not a key"), fault.Malformed},
	} {
		inner := bind(x, "sotto/v1.kek-handover")
		sealed, err := cose.Encrypt(nil, c.coseKey, []cose.Recipient{cose.ToX25519(x.me.Public(), nil, cose.Agreement{
			Sender:   cose.Party{Identity: x.manager.Verifier().PublicKey()},
			Receiver: cose.Party{Identity: x.member.Verifier().PublicKey()},
			Purpose:  inner.AAD,
		})}, inner)
		if err != nil {
			t.Fatal(err)
		}
		if x.grant, err = x.manager.Sign1(nil, sealed, bindGrant(x)); err != nil {
			t.Fatal(err)
		}
		if _, err = x.accept(); c.want == 0 && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.want != 0 && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each case changes one thing on the manager's side.
func TestGrantRefuses(t *testing.T) {
	x := newExchange(t)
	lowOrder := forgedRequest(t, x, make([]byte, 32), 16)
	for name, c := range map[string]struct {
		request []byte
		member  *cose.Verifier
		channel kek.Channel
		want    fault.Code
	}{
		"a request by a stranger":   {x.request, signer(t, "member").Verifier(), x.channel, fault.UntrustedSigner},
		"for another channel":       {x.request, x.member.Verifier(), kek.Channel{ID: []byte("other"), Epoch: 3}, fault.UntrustedSigner},
		"for another epoch":         {x.request, x.member.Verifier(), kek.Channel{ID: []byte("team"), Epoch: 4}, fault.UntrustedSigner},
		"a grant for a request":     {x.grant, x.manager.Verifier(), x.channel, fault.Malformed},
		"a key of low order":        {lowOrder, x.member.Verifier(), x.channel, fault.Malformed},
		"a short key":               {forgedRequest(t, x, make([]byte, 31), 16), x.member.Verifier(), x.channel, fault.Malformed},
		"a short nonce":             {forgedRequest(t, x, bytes.Repeat([]byte{9}, 32), 15), x.member.Verifier(), x.channel, fault.Malformed},
		"nothing":                   {nil, x.member.Verifier(), x.channel, fault.Malformed},
		"too long a request":        {make([]byte, 5000), x.member.Verifier(), x.channel, fault.OverLimit},
		"no channel":                {x.request, x.member.Verifier(), kek.Channel{}, fault.Misuse},
		"no member":                 {x.request, nil, x.channel, fault.Misuse},
		"the good one, to be clear": {x.request, x.member.Verifier(), x.channel, 0},
	} {
		t.Run(name, func(t *testing.T) {
			grant, err := x.key.Grant(c.request, c.member, x.manager, c.channel)
			if c.want == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, c.want)
			if grant != nil {
				t.Error("a grant beside the error")
			}
		})
	}
	_, err := x.key.Grant(x.request, x.member.Verifier(), nil, x.channel)
	wantFault(t, err, fault.Misuse)
	_, err = kek.NewRequest(nil, x.member, x.channel)
	wantFault(t, err, fault.Misuse)
	_, err = kek.NewRequest(x.me, nil, x.channel)
	wantFault(t, err, fault.Misuse)
	_, err = kek.NewRequest(x.me, x.member, kek.Channel{})
	wantFault(t, err, fault.Misuse)
	x.key.Destroy()
	_, err = x.key.Grant(x.request, x.member.Verifier(), x.manager, x.channel)
	wantFault(t, err, fault.DestroyedKey)
}

// forgedRequest is signed by the member over a payload that NewRequest would not write.
func forgedRequest(t testing.TB, x *exchange, x25519 []byte, nonce int) []byte {
	t.Helper()
	payload := wire.AppendBytes([]byte{0xa2, 0x01}, x25519)
	payload = wire.AppendBytes(append(payload, 0x02), make([]byte, nonce))
	request, err := x.member.Sign1(nil, payload, cose.Bind("sotto/v1.kek-request", x.channel.ID, []byte{byte(x.channel.Epoch)}))
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestEveryFlippedByteOfAnExchangeIsRefused(t *testing.T) {
	x := newExchange(t)
	for i := range x.request {
		bad := bytes.Clone(x.request)
		bad[i] ^= 1
		if _, err := x.key.Grant(bad, x.member.Verifier(), x.manager, x.channel); err == nil {
			t.Errorf("byte %d of the request flipped: granted", i)
		}
		if _, err := kek.Accept(x.grant, bad, x.me, x.member.Verifier(), x.manager.Verifier(), x.channel); err == nil {
			t.Errorf("byte %d of the request flipped: accepted", i)
		}
	}
	for i := range x.grant {
		bad := bytes.Clone(x.grant)
		bad[i] ^= 1
		if _, err := kek.Accept(bad, x.request, x.me, x.member.Verifier(), x.manager.Verifier(), x.channel); err == nil {
			t.Errorf("byte %d of the grant flipped: accepted", i)
		}
		if _, err := kek.Accept(x.grant[:i], x.request, x.me, x.member.Verifier(), x.manager.Verifier(), x.channel); err == nil {
			t.Errorf("grant cut at %d: accepted", i)
		}
	}
}

func TestRequestsDiffer(t *testing.T) {
	x := newExchange(t)
	if bytes.Equal(x.request, x.newRequest(t)) {
		t.Error("the same request twice: a grant could answer both")
	}
}

var wantCode = faulttest.FromInput

// FuzzGrant takes the input as a whole request, and as what a hostile member signs.
func FuzzGrant(f *testing.F) {
	x := newExchange(f)
	place := cose.Bind("sotto/v1.kek-request", x.channel.ID, []byte{byte(x.channel.Epoch)})
	payload, err := x.member.Verifier().Verify1(x.request, place)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(x.request)
	f.Add(payload)
	f.Fuzz(func(t *testing.T, input []byte) {
		_, err := x.key.Grant(input, x.member.Verifier(), x.manager, x.channel)
		wantCode(t, err)
		request, err := x.member.Sign1(nil, input, place)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.key.Grant(request, x.member.Verifier(), x.manager, x.channel)
		wantCode(t, err)
	})
}

// FuzzAccept takes the input as a whole grant, and as what a hostile manager signs.
func FuzzAccept(f *testing.F) {
	x := newExchange(f)
	sealed, err := x.manager.Verifier().Verify1(x.grant, bindGrant(x))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(x.grant)
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, input []byte) {
		x.grant = input
		_, err := x.accept()
		wantCode(t, err)
		if x.grant, err = x.manager.Sign1(nil, input, bindGrant(x)); err != nil {
			t.Fatal(err)
		}
		_, err = x.accept()
		wantCode(t, err)
	})
}

func FuzzUnwrap(f *testing.F) {
	w, err := cose.NewKey(cose.A256GCM, bytes.Repeat([]byte{7}, 32)) // fixed, so that the corpus keeps its meaning
	if err != nil {
		f.Fatal(err)
	}
	wrapped, err := kek.Generate().Wrap(w, []byte("here"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped)
	f.Fuzz(func(t *testing.T, wrapped []byte) {
		_, err := kek.Unwrap(w, wrapped, []byte("here"))
		wantCode(t, err)
	})
}

// BenchmarkHandover is a whole hand-over: two signatures, two verifications, a key pair and two agreements.
func BenchmarkHandover(b *testing.B) {
	x := newExchange(b)
	for b.Loop() {
		x.request = x.newRequest(b)
		x.grant = x.newGrant(b, x.manager)
		if _, err := x.accept(); err != nil {
			b.Fatal(err)
		}
	}
}
