package cose_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

var parties = cose.Agreement{
	Sender:   cose.Party{Identity: []byte("alice")},
	Receiver: cose.Party{Identity: []byte("bob"), Other: []byte("phone")},
	Purpose:  []byte("greeting"),
}

func direct(a cose.Agreement) cose.Agreement {
	a.Direct = true
	return a
}

// pair is a recipient and the opener that belongs to it.
type pair struct {
	to   cose.Recipient
	with cose.Opener
}

func pairs(t testing.TB) map[string]pair {
	t.Helper()
	alice, bob := ecdh.Generate(), ecdh.Generate()
	kw, content := generate(t, cose.A256KW), generate(t, cose.A256GCM)
	id := []byte("bob")
	return map[string]pair{
		"ECDH-ES+A256KW": {cose.ToX25519(bob.Public(), id, parties), cose.WithX25519(bob, id, parties)},
		"ECDH-ES":        {cose.ToX25519(bob.Public(), nil, direct(parties)), cose.WithX25519(bob, nil, direct(parties))},
		"ECDH-SS+A256KW": {cose.ToStatic(alice, bob.Public(), id, parties), cose.WithStatic(bob, alice.Public(), id, parties)},
		"ECDH-SS":        {cose.ToStatic(alice, bob.Public(), id, direct(parties)), cose.WithStatic(bob, alice.Public(), id, direct(parties))},
		"A256KW":         {cose.ToKey(kw, id), cose.WithKey(kw, id)},
		"direct":         {cose.ToKey(content, id), cose.WithKey(content, id)},
	}
}

func TestEncryptRoundTrips(t *testing.T) {
	for name, p := range pairs(t) {
		for _, c := range []cose.Context{place, {AAD: []byte("aad")}, {Untagged: true}} {
			message, err := cose.Encrypt([]byte("x"), []byte("low voice"), []cose.Recipient{p.to}, c)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, err := cose.Decrypt([]byte("y"), message[1:], p.with, c)
			if err != nil || string(got) != "ylow voice" {
				t.Errorf("%s: opened %q, %v", name, got, err)
			}
			for other, q := range pairs(t) {
				if got, err := cose.Decrypt(nil, message[1:], q.with, c); err == nil || got != nil {
					t.Errorf("%s opened by a stranger's %s", name, other)
				}
			}
		}
	}
}

func TestContentAlgorithmIsExpectedNotRead(t *testing.T) {
	bob := ecdh.Generate()
	for _, a := range []cose.Agreement{parties, direct(parties)} {
		c := cose.Bind("a/b")
		c.Content = cose.ChaCha20Poly1305
		message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToX25519(bob.Public(), nil, a)}, c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cose.Decrypt(nil, message, cose.WithX25519(bob, nil, a), c); err != nil || string(got) != "hi" {
			t.Errorf("opened %q, %v", got, err)
		}
		_, err = cose.Decrypt(nil, message, cose.WithX25519(bob, nil, a), cose.Bind("a/b"))
		wantFault(t, err, fault.Malformed)
	}
	_, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToX25519(bob.Public(), nil, parties)}, cose.Context{Content: cose.A256KW})
	wantFault(t, err, fault.Misuse)
	// A content key used directly must be of the content algorithm; its size alone would not tell.
	chacha := generate(t, cose.ChaCha20Poly1305)
	_, err = cose.Encrypt(nil, nil, []cose.Recipient{cose.ToKey(chacha, nil)}, cose.Bind("a/b"))
	wantFault(t, err, fault.Misuse)
}

func TestEverythingOfAnAgreementIsBound(t *testing.T) {
	alice, bob := ecdh.Generate(), ecdh.Generate()
	place := cose.Context{AAD: place.AAD} // a standard message, where identities may be missing
	for _, d := range []bool{false, true} {
		good := parties
		good.Direct = d
		message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToStatic(alice, bob.Public(), nil, good)}, place)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(a *cose.Agreement){
			"sender":           func(a *cose.Agreement) { a.Sender.Identity = []byte("eve") },
			"no sender":        func(a *cose.Agreement) { a.Sender.Identity = nil },
			"empty sender":     func(a *cose.Agreement) { a.Sender.Identity = []byte{} },
			"receiver":         func(a *cose.Agreement) { a.Receiver.Identity = []byte("eve") },
			"roles":            func(a *cose.Agreement) { a.Sender, a.Receiver = a.Receiver, a.Sender },
			"other":            func(a *cose.Agreement) { a.Receiver.Other = nil },
			"receiver's nonce": func(a *cose.Agreement) { a.Receiver.Nonce = []byte("nonce") },
			"purpose":          func(a *cose.Agreement) { a.Purpose = []byte("farewell") },
			"no purpose":       func(a *cose.Agreement) { a.Purpose = nil },
			"empty purpose":    func(a *cose.Agreement) { a.Purpose = []byte{} },
		} {
			a := good
			change(&a)
			_, err := cose.Decrypt(nil, message, cose.WithStatic(bob, alice.Public(), nil, a), place)
			if name == "receiver's nonce" || name == "roles" {
				if err == nil {
					t.Errorf("%s (direct %v): opened", name, d)
				}
				continue
			}
			wantFault(t, err, fault.Damaged)
		}
		a := good
		a.Direct = !d
		_, err = cose.Decrypt(nil, message, cose.WithStatic(bob, alice.Public(), nil, a), place)
		wantFault(t, err, fault.NotForThisDevice)
		_, err = cose.Decrypt(nil, message, cose.WithX25519(bob, nil, good), place)
		wantFault(t, err, fault.NotForThisDevice)
		_, err = cose.Decrypt(nil, message, cose.WithStatic(bob, alice.Public(), []byte("kid"), good), place)
		wantFault(t, err, fault.NotForThisDevice)
		_, err = cose.Decrypt(nil, message, cose.WithStatic(bob, ecdh.Generate().Public(), nil, good), place)
		wantFault(t, err, fault.UntrustedSigner)
		_, err = cose.Decrypt(nil, message, cose.WithStatic(bob, alice.Public(), nil, good), cose.Context{AAD: []byte("x")})
		wantFault(t, err, fault.Damaged)
	}
	a := parties
	a.Sender.Nonce = []byte("mine")
	_, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToStatic(alice, bob.Public(), nil, a)}, place)
	wantFault(t, err, fault.Misuse)
}

// What a static agreement proves would be lost with a second recipient, who has the content key as well, and in an
// agreement that reads the same in both directions: the header that names the sender's key is not authenticated.
func TestStaticAgreementProvesTheSender(t *testing.T) {
	alice, bob, carol := ecdh.Generate(), ecdh.Generate(), ecdh.Generate()
	toBob, toCarol := cose.ToStatic(alice, bob.Public(), nil, parties), cose.ToStatic(alice, carol.Public(), nil, parties)
	for _, to := range [][]cose.Recipient{{toBob, toCarol}, {toBob, cose.ToX25519(carol.Public(), nil, parties)}} {
		for _, c := range []cose.Context{place, {}} {
			_, err := cose.Encrypt(nil, nil, to, c)
			wantFault(t, err, fault.Misuse)
		}
	}
	message, err := cose.Encrypt(nil, nil, []cose.Recipient{toBob}, cose.Context{})
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.Index(message, []byte{0x81, 0x83, 0x44, 0xa1, 0x01})
	if r < 0 {
		t.Fatal("recipient not found")
	}
	twice := append(append([]byte{0x82}, message[r+1:]...), message[r+1:]...)
	_, err = cose.Decrypt(nil, replaceRecipient(t, message, twice), cose.WithStatic(bob, alice.Public(), nil, parties), cose.Context{})
	wantFault(t, err, fault.Malformed)

	for name, change := range map[string]func(a *cose.Agreement){
		"no sender":   func(a *cose.Agreement) { a.Sender.Identity = nil },
		"no receiver": func(a *cose.Agreement) { a.Receiver.Identity = nil },
		"the same":    func(a *cose.Agreement) { a.Receiver.Identity = a.Sender.Identity },
	} {
		a := parties
		change(&a)
		_, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToStatic(alice, bob.Public(), nil, a)}, place)
		if !errors.Is(err, fault.Misuse) {
			t.Errorf("%s: sealed, %v", name, err)
		}
		if message, err = cose.Encrypt(nil, nil, []cose.Recipient{toBob}, place); err != nil {
			t.Fatal(err)
		}
		_, err = cose.Decrypt(nil, message, cose.WithStatic(bob, alice.Public(), nil, a), place)
		if !errors.Is(err, fault.Misuse) {
			t.Errorf("%s: opened, %v", name, err)
		}
	}
}

func TestOwnMessageMayHaveEveryAllowedRecipient(t *testing.T) {
	kw := generate(t, cose.A256KW)
	for _, n := range []int{1025, coseimpl.MaxRecipients} {
		to := make([]cose.Recipient, n)
		for i := range to {
			to[i] = cose.ToKey(kw, []byte{byte(i >> 8), byte(i)})
		}
		message, err := cose.Encrypt(nil, []byte("hi"), to, place)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cose.Decrypt(nil, message, cose.WithKey(kw, []byte{0, 7}), place); err != nil || string(got) != "hi" {
			t.Errorf("%d recipients: %q, %v", n, got, err)
		}
	}
}

func TestDirectSealsAreCounted(t *testing.T) {
	k := generate(t, cose.A256GCM)
	cose.SetSeals(k, cose.MaxSeals-1)
	to := []cose.Recipient{cose.ToKey(k, nil)}
	if _, err := cose.Encrypt(nil, nil, to, place); err != nil {
		t.Error(err)
	}
	_, err := cose.Encrypt(nil, nil, to, place)
	wantFault(t, err, fault.OverLimit)
}

func TestNothingIsWrittenThatWouldNotBeRead(t *testing.T) {
	long, bob, kw := make([]byte, cose.MaxKeyID+1), ecdh.Generate(), generate(t, cose.A256KW)
	nonce := parties
	nonce.Receiver.Nonce = long
	for name, to := range map[string]cose.Recipient{
		"key ID of X25519": cose.ToX25519(bob.Public(), long, parties),
		"key ID of a key":  cose.ToKey(kw, long),
		"nonce":            cose.ToX25519(bob.Public(), nil, nonce),
	} {
		_, err := cose.Encrypt(nil, nil, []cose.Recipient{to}, place)
		if !errors.Is(err, fault.Misuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := parties
	good.Receiver.Nonce = long[1:]
	message, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToX25519(bob.Public(), long[1:], good)}, place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cose.Decrypt(nil, message, cose.WithX25519(bob, long[1:], good), place); err != nil {
		t.Errorf("the longest: %v", err)
	}
	_, err = cose.NewVerifier(cose.GenerateSigner().Verifier().PublicKey(), long)
	wantFault(t, err, fault.OverLimit)
	withID := coseimpl.SymmetricKey{Alg: 3, KID: long, K: make([]byte, 32)}
	inner, err := cose.ParseKey(withID.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	_, err = kw.WrapKey(inner, nil)
	wantFault(t, err, fault.OverLimit)
	_, err = generate(t, cose.A256GCM).Encrypt0(nil, nil, cose.Bind("a/\xff"))
	wantFault(t, err, fault.Misuse)
}

func TestNoncesTravel(t *testing.T) {
	bob := ecdh.Generate()
	a := parties
	a.Sender.Nonce, a.Receiver.Nonce = []byte("n1"), []byte("n2")
	place := cose.Context{AAD: place.AAD} // a standard message
	message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToX25519(bob.Public(), nil, a)}, place)
	if err != nil {
		t.Fatal(err)
	}
	for _, expect := range []cose.Agreement{a, parties} {
		if got, err := cose.Decrypt(nil, message, cose.WithX25519(bob, nil, expect), place); err != nil || string(got) != "hi" {
			t.Errorf("opened %q, %v", got, err)
		}
	}
	bare, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToX25519(bob.Public(), nil, parties)}, place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cose.Decrypt(nil, bare, cose.WithX25519(bob, nil, a), place) // the expected nonces did not travel
	wantFault(t, err, fault.Malformed)
	c := cose.Bind("a/b")
	for name, a := range map[string]cose.Agreement{ // own messages: no nonce travels that is not expected
		"sender's":   {Sender: cose.Party{Nonce: []byte("n")}},
		"receiver's": {Receiver: cose.Party{Nonce: []byte("n")}},
	} {
		own, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToX25519(bob.Public(), nil, a)}, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cose.Decrypt(nil, own, cose.WithX25519(bob, nil, a), c); err != nil {
			t.Errorf("%s nonce, expected: %v", name, err)
		}
		_, err = cose.Decrypt(nil, own, cose.WithX25519(bob, nil, cose.Agreement{}), c)
		if !errors.Is(err, fault.Malformed) {
			t.Errorf("%s nonce, not expected: %v", name, err)
		}
	}
	a.Receiver.Nonce = []byte("n3")
	_, err = cose.Decrypt(nil, message, cose.WithX25519(bob, nil, a), place)
	wantFault(t, err, fault.Malformed)
}

func TestManyRecipientsShareOneMessage(t *testing.T) {
	var to []cose.Recipient
	var keys []*ecdh.PrivateKey
	id := func(i int) []byte { return []byte{byte(i)} }
	for i := range 20 {
		k := ecdh.Generate()
		keys = append(keys, k)
		to = append(to, cose.ToX25519(k.Public(), id(i), parties))
	}
	kw := generate(t, cose.A256KW)
	to = append(to, cose.ToKey(kw, nil))
	message, err := cose.Encrypt(nil, []byte("hi"), to, place)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		if got, err := cose.Decrypt(nil, message, cose.WithX25519(k, id(i), parties), place); err != nil || string(got) != "hi" {
			t.Errorf("recipient %d: %q, %v", i, got, err)
		}
		_, err := cose.Decrypt(nil, message, cose.WithX25519(k, id(i+1), parties), place)
		if err == nil {
			t.Errorf("recipient %d opens the part of its neighbour", i)
		}
	}
	if got, err := cose.Decrypt(nil, message, cose.WithKey(kw, nil), place); err != nil || string(got) != "hi" {
		t.Errorf("symmetric recipient: %q, %v", got, err)
	}
	// Eight recipients of one kid are tried, no more: each costs a key agreement.
	for n, want := range map[int]fault.Code{8: fault.Damaged, 9: fault.OverLimit} {
		to = nil
		for range n {
			to = append(to, cose.ToX25519(ecdh.Generate().Public(), id(1), parties))
		}
		message, err := cose.Encrypt(nil, nil, to, place)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cose.Decrypt(nil, message, cose.WithX25519(keys[0], id(1), parties), place)
		wantFault(t, err, want)
	}
	to = append(to[:7:7], cose.ToX25519(keys[0].Public(), id(1), parties))
	if message, err = cose.Encrypt(nil, []byte("hi"), to, place); err != nil {
		t.Fatal(err)
	}
	if got, err := cose.Decrypt(nil, message, cose.WithX25519(keys[0], id(1), parties), place); err != nil || string(got) != "hi" {
		t.Errorf("eighth of one kid: %q, %v", got, err)
	}
}

func TestEncryptRefuses(t *testing.T) {
	p := pairs(t)
	k := ecdh.Generate()
	for name, c := range map[string]struct {
		to   []cose.Recipient
		want fault.Code
	}{
		"nobody":                    {nil, fault.Misuse},
		"nil":                       {[]cose.Recipient{nil}, fault.Misuse},
		"no public key":             {[]cose.Recipient{cose.ToX25519(nil, nil, parties)}, fault.Misuse},
		"no static key":             {[]cose.Recipient{cose.ToStatic(nil, k.Public(), nil, parties)}, fault.Misuse},
		"no symmetric key":          {[]cose.Recipient{cose.ToKey(nil, nil)}, fault.Misuse},
		"direct first, then others": {[]cose.Recipient{p["direct"].to, p["A256KW"].to}, fault.Misuse},
		"others, then direct":       {[]cose.Recipient{p["A256KW"].to, p["direct"].to}, fault.Misuse},
		"agreed key among others":   {[]cose.Recipient{p["A256KW"].to, p["ECDH-ES"].to}, fault.Misuse},
		"two direct":                {[]cose.Recipient{p["direct"].to, p["direct"].to}, fault.Misuse},
		"too many":                  {make([]cose.Recipient, coseimpl.MaxRecipients+1), fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cose.Encrypt(nil, nil, c.to, place)
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("bytes beside the error")
			}
		})
	}
	for _, with := range []cose.Opener{nil, cose.WithX25519(nil, nil, parties), cose.WithStatic(k, nil, nil, parties), cose.WithKey(nil, nil)} {
		message, err := cose.Encrypt(nil, nil, []cose.Recipient{p["A256KW"].to}, place)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cose.Decrypt(nil, message, with, place)
		wantFault(t, err, fault.Misuse)
	}
}

func TestDecryptRefusesEveryFlippedByteAndEveryCut(t *testing.T) {
	for name, p := range pairs(t) {
		message, err := cose.Encrypt(nil, []byte("low voice"), []cose.Recipient{p.to}, place)
		if err != nil {
			t.Fatal(err)
		}
		for i := range message {
			bad := bytes.Clone(message)
			bad[i] ^= 1
			if got, err := cose.Decrypt(nil, bad, p.with, place); err == nil || got != nil {
				t.Errorf("%s: byte %d flipped: opened", name, i)
			}
			if _, err := cose.Decrypt(nil, message[:i], p.with, place); err == nil {
				t.Errorf("%s: cut at %d: opened", name, i)
			}
		}
		_, err = cose.Decrypt(nil, append(message, 0), p.with, place)
		wantFault(t, err, fault.Malformed)
	}
}

// A low-order ephemeral key makes the agreed secret all zero, so that anybody can seal: these messages are complete
// forgeries under the key that follows from it.
func TestLowOrderEphemeralKeyIsRefused(t *testing.T) {
	bob := ecdh.Generate()
	for _, d := range []bool{false, true} {
		a := cose.Agreement{Direct: d}
		message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToX25519(bob.Public(), nil, a)}, cose.Context{})
		if err != nil {
			t.Fatal(err)
		}
		epk := bytes.Index(message, []byte{0xa3, 0x01, 0x01, 0x20, 0x04, 0x21, 0x58, 0x20})
		if epk < 0 {
			t.Fatal("no ephemeral key found")
		}
		for _, first := range []byte{0, 1} {
			bad := bytes.Clone(message)
			clear(bad[epk+8 : epk+40])
			bad[epk+8] = first
			_, err = cose.Decrypt(nil, bad, cose.WithX25519(bob, nil, a), cose.Context{})
			wantFault(t, err, fault.Malformed)
		}
	}
}

func TestEphemeralKeyMustBePublic(t *testing.T) {
	bob := ecdh.Generate()
	a := cose.Agreement{Direct: true}
	message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToX25519(bob.Public(), nil, a)}, cose.Context{})
	if err != nil {
		t.Fatal(err)
	}
	epk := bytes.Index(message, []byte{0xa3, 0x01, 0x01, 0x20, 0x04, 0x21, 0x58, 0x20})
	if epk < 0 {
		t.Fatal("no ephemeral key found")
	}
	private := append(bytes.Clone(message[:epk]), 0xa4)
	private = append(private, message[epk+1:epk+40]...)
	private = append(append(private, 0x23, 0x58, 0x20), make([]byte, 32)...) // -4: d
	private = append(private, message[epk+40:]...)
	_, err = cose.Decrypt(nil, private, cose.WithX25519(bob, nil, a), cose.Context{})
	wantFault(t, err, fault.Malformed)
}

// A static agreement without anything fresh gives the same key for every message (RFC 9053 §6.3.1).
func TestStaticAgreementNeedsANonce(t *testing.T) {
	alice, bob := ecdh.Generate(), ecdh.Generate()
	message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToStatic(alice, bob.Public(), nil, direct(parties))}, cose.Context{})
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Index(message, []byte{0x35, 0x58, 0x20}) // -22: bytes(32)
	if nonce < 0 {
		t.Fatal("no nonce found")
	}
	bad := append(bytes.Clone(message[:nonce]), 0x35, 0x40)
	bad = append(bad, message[nonce+3+32:]...)
	_, err = cose.Decrypt(nil, bad, cose.WithStatic(bob, alice.Public(), nil, direct(parties)), cose.Context{})
	wantFault(t, err, fault.Malformed)
	bad = bytes.Clone(message)
	bad[nonce] = 0x36 // as another parameter
	_, err = cose.Decrypt(nil, bad, cose.WithStatic(bob, alice.Public(), nil, direct(parties)), cose.Context{})
	if err == nil {
		t.Error("opened without the nonce")
	}
}

// replaceRecipient swaps the recipients of a message of one, to see what is checked there.
func replaceRecipient(t testing.TB, message, recipients []byte) []byte {
	t.Helper()
	r := wire.NewReader(message)
	r.Tag("message")
	r.Array("message", 4)
	r.Raw("protected")
	r.Raw("unprotected")
	r.Raw("ciphertext")
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return append(bytes.Clone(message[:r.Offset()]), recipients...)
}

func TestRecipientsAreCheckedInForm(t *testing.T) {
	kw := generate(t, cose.A256KW)
	message, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToKey(kw, nil)}, cose.Context{})
	if err != nil {
		t.Fatal(err)
	}
	wrapped := wire.AppendBytes(nil, make([]byte, 40))
	recipient := func(parts ...[]byte) []byte {
		return append([]byte{0x81, 0x80 | byte(len(parts))}, bytes.Join(parts, nil)...)
	}
	alg := mapOf(field(1, []byte{0x24}))
	for name, c := range map[string]struct {
		recipients []byte
		want       fault.Code
	}{
		"none":                    {[]byte{0x80}, fault.Malformed},
		"null":                    {[]byte{0xf6}, fault.Malformed},
		"not an array":            {[]byte{0x81, 0x40}, fault.Malformed},
		"two elements":            {recipient([]byte{0x40}, alg), fault.Malformed},
		"no algorithm":            {recipient([]byte{0x40}, mapOf(), wrapped), fault.NotForThisDevice},
		"algorithm protected":     {recipient(wire.AppendBytes(nil, alg), mapOf(), wrapped), fault.Malformed},
		"wrapped key null":        {recipient([]byte{0x40}, alg, []byte{0xf6}), fault.Malformed},
		"wrapped key empty":       {recipient([]byte{0x40}, alg, []byte{0x40}), fault.Malformed},
		"wrapped key of 39 bytes": {recipient([]byte{0x40}, alg, wire.AppendBytes(nil, make([]byte, 39))), fault.Malformed},
		"wrapped key altered":     {recipient([]byte{0x40}, alg, wrapped), fault.Damaged},
		"an empty kid":            {recipient([]byte{0x40}, mapOf(field(1, []byte{0x24}), field(4, []byte{0x40})), wrapped), fault.NotForThisDevice},
		"nested recipients":       {recipient([]byte{0x40}, alg, wrapped, []byte{0x80}), fault.NotForThisDevice},
		"label twice":             {recipient([]byte{0x40}, mapOf(field(1, []byte{0x24}), field(1, []byte{0x24})), wrapped), fault.Malformed},
		"too many":                {append([]byte{0x99, 0x40, 0x01}, bytes.Repeat([]byte{0x40}, 16385)...), fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cose.Decrypt(nil, replaceRecipient(t, message, c.recipients), cose.WithKey(kw, nil), cose.Context{})
			wantFault(t, err, c.want)
		})
	}
}

func TestOwnEncryptHasOneForm(t *testing.T) {
	kw := generate(t, cose.A256KW)
	message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToKey(kw, []byte("kid"))}, place)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.LastIndex(message, []byte{0x40, 0xa2, 0x01, 0x24, 0x04, 0x43})
	if r < 0 {
		t.Fatal("recipient not found")
	}
	wrapped := message[len(message)-42:]
	for name, unprotected := range map[string][]byte{
		"order":           mapOf(kidField, field(1, []byte{0x24})),
		"a nonce":         mapOf(field(1, []byte{0x24}), kidField, field(-22, []byte{0x40})),
		"a salt":          mapOf(field(1, []byte{0x24}), kidField, field(-20, []byte{0x40})),
		"an identity":     mapOf(field(1, []byte{0x24}), kidField, field(-21, []byte{0x40})),
		"a static key id": mapOf(field(1, []byte{0x24}), kidField, field(-3, []byte{0x40})),
		"extra parameter": mapOf(field(1, []byte{0x24}), kidField, field(99, []byte{0})),
	} {
		t.Run(name, func(t *testing.T) {
			recipients := append(append([]byte{0x81, 0x83, 0x40}, unprotected...), wrapped...)
			bad := replaceRecipient(t, message, recipients)
			_, err := cose.Decrypt(nil, bad, cose.WithKey(kw, []byte("kid")), place)
			wantFault(t, err, fault.Malformed)
		})
	}
	_, err = cose.Decrypt(nil, message, cose.WithKey(kw, []byte("kid")), cose.Bind("acme/v1.twin"))
	wantFault(t, err, fault.Malformed)

	bad := replaceRecipient(t, message, append([]byte{0x81, 0x83, 0x41, 0xa0}, message[r+1:]...)) // h'a0' for h''
	_, err = cose.Decrypt(nil, bad, cose.WithKey(kw, []byte("kid")), place)
	wantFault(t, err, fault.Malformed)
	bob := ecdh.Generate()
	message, err = cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToX25519(bob.Public(), nil, parties)}, place)
	if err != nil {
		t.Fatal(err)
	}
	bad = bytes.Replace(message, []byte{0xa3, 1, 1, 0x20, 4, 0x21}, []byte{0xa4, 1, 1, 2, 0x40, 0x20, 4, 0x21}, 1) // epk with a kid
	_, err = cose.Decrypt(nil, bad, cose.WithX25519(bob, nil, parties), place)
	wantFault(t, err, fault.Malformed)

	// Content headers with a parameter too many, under which everything would open.
	c := cose.Bind("a/b")
	own := []coseimpl.Field{coseimpl.IntField(1, 3), coseimpl.TextField(16, "a/b")}
	iv := coseimpl.BytesField(5, make([]byte, 12))
	for name, headers := range map[string][2][]coseimpl.Field{
		"protected":   {append(own, coseimpl.IntField(99, 0)), {iv}},
		"unprotected": {own, {iv, coseimpl.IntField(99, 0)}},
	} {
		secret, err := kw.ExportSecret()
		if err != nil {
			t.Fatal(err)
		}
		table := coseimpl.Table{
			Content:    []coseimpl.ContentAlgorithm{{ID: 3, KeySize: 32, IVSize: 12, New: newGCM}},
			Recipients: []coseimpl.RecipientAlgorithm{{ID: -5, Wrap: true}},
		}
		e := coseimpl.Envelope{Tagged: true, Alg: 3, IV: make([]byte, 12), CEK: make([]byte, 32), External: c.AAD,
			Protected: coseimpl.AppendHeader(nil, headers[0]...), Unprotected: coseimpl.AppendHeader(nil, headers[1]...),
			To: []coseimpl.Recipient{{Alg: -5, Key: secret}}}
		message, err := coseimpl.AppendEncrypt(nil, &table, &e, []byte("hi"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = cose.Decrypt(nil, message, cose.WithKey(kw, nil), c)
		if !errors.Is(err, fault.Malformed) {
			t.Errorf("extra %s parameter: %v", name, err)
		}
		// The same as a standard message is none of our business: it opens.
		if got, err := cose.Decrypt(nil, message, cose.WithKey(kw, nil), cose.Context{AAD: c.AAD}); err != nil || string(got) != "hi" {
			t.Errorf("extra %s parameter in a standard message: %q, %v", name, got, err)
		}
	}
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func TestDirectRecipientCarriesNoKey(t *testing.T) {
	k := generate(t, cose.A256GCM)
	message, err := cose.Encrypt(nil, []byte("hi"), []cose.Recipient{cose.ToKey(k, nil)}, cose.Context{})
	if err != nil {
		t.Fatal(err)
	}
	direct := []byte{0x83, 0x40, 0xa1, 0x01, 0x25, 0x40}
	for name, recipients := range map[string][]byte{
		"with a key":   {0x81, 0x83, 0x40, 0xa1, 0x01, 0x25, 0x41, 0x00},
		"among others": append(append([]byte{0x82}, direct...), direct...),
	} {
		_, err = cose.Decrypt(nil, replaceRecipient(t, message, recipients), cose.WithKey(k, nil), cose.Context{})
		if !errors.Is(err, fault.Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := replaceRecipient(t, message, append([]byte{0x81}, direct...))
	if _, err := cose.Decrypt(nil, good, cose.WithKey(k, nil), cose.Context{}); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestNewerVersionsAreToldApart(t *testing.T) {
	kw, s := generate(t, cose.A256KW), cose.GenerateSigner()
	newer, ours := cose.Bind("sotto/v2.note"), cose.Bind("sotto/v1.note")
	message, err := cose.Encrypt(nil, nil, []cose.Recipient{cose.ToKey(kw, nil)}, newer)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cose.Decrypt(nil, message, cose.WithKey(kw, nil), ours)
	wantFault(t, err, fault.UnsupportedVersion)
	if message, err = s.Sign1(nil, nil, newer); err != nil {
		t.Fatal(err)
	}
	_, err = s.Verifier().Verify1(message, ours)
	wantFault(t, err, fault.UnsupportedVersion)
}
