package cose_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

func TestKeyLengthsAndAlgorithmsAreChecked(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		for _, a := range []cose.Algorithm{cose.A256GCM, cose.ChaCha20Poly1305, cose.A256KW} {
			_, err := cose.NewKey(a, make([]byte, n))
			wantFault(t, err, fault.Malformed)
		}
	}
	for _, a := range []cose.Algorithm{0, 1, cose.EdDSA, cose.Direct, cose.ECDHES, 99} {
		_, err := cose.NewKey(a, make([]byte, 32))
		wantFault(t, err, fault.Malformed)
		_, err = cose.GenerateKey(a)
		wantFault(t, err, fault.Misuse)
	}
	kw := generate(t, cose.A256KW)
	_, err := kw.Encrypt0(nil, nil, place)
	wantFault(t, err, fault.Misuse)
	_, err = kw.Decrypt0(nil, nil, place)
	wantFault(t, err, fault.Misuse)
}

func TestCOSEKeyIsWrittenBackAsItWasRead(t *testing.T) {
	for _, s := range []string{
		"a3010403032058200707070707070707070707070707070707070707070707070707070707070707",
		"a401040247466550414e44410303205820" + strings.Repeat("07", 32),
		"a4010403181805" + "4c" + strings.Repeat("01", 12) + "205820" + strings.Repeat("07", 32),
		"a30104032420" + "5820" + strings.Repeat("07", 32),
	} {
		in, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		k, err := cose.ParseKey(in)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		out, err := k.ExportSecretCOSEKey()
		if err != nil || !bytes.Equal(in, out) {
			t.Errorf("%s written back as %x, %v", s, out, err)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	k := "5820" + strings.Repeat("07", 32)
	for name, c := range map[string]struct {
		key  string
		want fault.Code
	}{
		"empty":              {"", fault.Malformed},
		"no key type":        {"a2030320" + k, fault.Malformed},
		"another key type":   {"a30101030320" + k, fault.Malformed},
		"no algorithm":       {"a2010420" + k, fault.Malformed},
		"another algorithm":  {"a30104030120" + k, fault.Malformed},
		"algorithm as text":  {"a3010403674132353647434d20" + k, fault.Malformed},
		"no k":               {"a201040303", fault.Malformed},
		"k of 16 bytes":      {"a3010403032050" + strings.Repeat("07", 16), fault.Malformed},
		"k as text":          {"a301040303207820" + strings.Repeat("37", 32), fault.Malformed},
		"k null":             {"a3010403" + "0320f6", fault.Malformed},
		"duplicate k":        {"a40104030320" + k + "20" + k, fault.Malformed},
		"duplicate alg":      {"a4010403030303" + "20" + k, fault.Malformed},
		"tagged":             {"d8" + "3da30104030320" + k, fault.Malformed},
		"trailing byte":      {"a30104030320" + k + "00", fault.Malformed},
		"indefinite":         {"bf0104030320" + k + "ff", fault.Malformed},
		"key_ops":            {"a4010403030481" + "03" + "20" + k, fault.UnsupportedVersion},
		"kid as text":        {"a4010402616103" + "0320" + k, fault.Malformed},
		"crv where k should": {"a30104030320" + "04", fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(c.key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = cose.ParseKey(b)
			wantFault(t, err, c.want)
		})
	}
	_, err := cose.ParseKey(make([]byte, 5000))
	wantFault(t, err, fault.OverLimit)
}

func TestDestroyedKeysRefuse(t *testing.T) {
	k := generate(t, cose.A256GCM)
	message, err := k.Encrypt0(nil, nil, place)
	if err != nil {
		t.Fatal(err)
	}
	k.Destroy()
	k.Destroy()
	var zero cose.Key
	for _, k := range []*cose.Key{k, &zero} {
		_, err := k.Encrypt0(nil, nil, place)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.Decrypt0(nil, message, place)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecret()
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecretCOSEKey()
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.WrapKey(generate(t, cose.A256GCM), nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = generate(t, cose.A256GCM).WrapKey(k, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = cose.Encrypt(nil, nil, []cose.Recipient{cose.ToKey(k, nil)}, place)
		wantFault(t, err, fault.DestroyedKey)
		if k.Equal(k) {
			t.Error("a destroyed key equals itself")
		}
	}
	s := cose.GenerateSigner()
	s.Destroy()
	s.Destroy()
	for _, s := range []*cose.Signer{s, {}} {
		_, err := s.Sign1(nil, nil, place)
		wantFault(t, err, fault.DestroyedKey)
		_, err = s.ExportSecretSeed()
		wantFault(t, err, fault.DestroyedKey)
		_, err = s.ExportSecretCOSEKey()
		wantFault(t, err, fault.DestroyedKey)
	}
}

// A message sealed while the key is destroyed is sealed under the key or not at all, never under zeros.
func TestDestroyRacesWithEncrypt0(t *testing.T) {
	for range 50 {
		k := generate(t, cose.A256GCM)
		secret, err := k.ExportSecret()
		if err != nil {
			t.Fatal(err)
		}
		twin, err := cose.NewKey(cose.A256GCM, secret)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				message, err := k.Encrypt0(nil, []byte("x"), place)
				if err != nil {
					wantFault(t, err, fault.DestroyedKey)
				} else if _, err := twin.Decrypt0(nil, message, place); err != nil {
					t.Errorf("sealed under another key: %v", err)
				}
			})
			wg.Go(func() {
				wrapped, err := k.WrapKey(twin, nil)
				if err != nil {
					wantFault(t, err, fault.DestroyedKey)
				} else if _, err := twin.UnwrapKey(wrapped, nil); err != nil {
					t.Errorf("wrapped under another key: %v", err)
				}
			})
		}
		wg.Go(k.Destroy)
		wg.Wait()
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	secret := bytes.Repeat([]byte("hush"), 8)
	k, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		t.Fatal(err)
	}
	seed := coseimpl.OKPKey{D: secret}
	s, err := cose.ParseSigner(seed.Append(nil, coseimpl.CurveEd25519))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal([]any{k, s})
	if err != nil {
		t.Fatal(err)
	}
	outputs := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		outputs = append(outputs, fmt.Sprintf(verb+" "+verb, k, s))
	}
	for _, out := range outputs {
		for _, leak := range []string{"hush", hex.EncodeToString([]byte("hush")), "104 117", "aHVzaG"} {
			if strings.Contains(out, leak) {
				t.Errorf("secret in %q", out)
			}
		}
		if !strings.Contains(out, "cose.Key(") || !strings.Contains(out, "cose.Signer(") {
			t.Errorf("kind missing in %q", out)
		}
	}
}

// A struct that holds a key has no methods in the way, and under a verb that does not fit fmt follows pointers.
func TestNoVerbReachesIntoAStruct(t *testing.T) {
	secret := bytes.Repeat([]byte("hush"), 8)
	k, err := cose.NewKey(cose.A256GCM, secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		k  *cose.Key
		s  *cose.Signer
		to cose.Recipient
	}
	h := holder{k, s, cose.ToKey(k, nil)}
	for _, v := range []any{h, &h, []holder{h}, []any{k, s}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			out := fmt.Sprintf("%"+string(verb), v)
			for _, leak := range []string{"hush", "68757368", "104 117 115", "aHVzaG"} {
				if strings.Contains(out, leak) {
					t.Fatalf("%%%c of %T: %s", verb, v, out)
				}
			}
		}
	}
}

func TestOKPKeysRoundTrip(t *testing.T) {
	priv := ecdh.Generate()
	for _, kid := range [][]byte{nil, []byte("kid")} {
		pub, gotKID, err := cose.ParsePublicX25519(cose.PublicX25519(priv.Public(), kid))
		if err != nil || !pub.Equal(priv.Public()) || !bytes.Equal(gotKID, kid) {
			t.Errorf("public X25519: %v", err)
		}
		b, err := cose.ExportSecretX25519(priv, kid)
		if err != nil {
			t.Fatal(err)
		}
		back, gotKID, err := cose.ParseSecretX25519(b)
		if err != nil || !back.Equal(priv) || !bytes.Equal(gotKID, kid) {
			t.Errorf("private X25519: %v", err)
		}
		_, _, err = cose.ParsePublicX25519(b)
		wantFault(t, err, fault.Malformed) // a private key where a public one is expected
		_, _, err = cose.ParseSecretX25519(cose.PublicX25519(priv.Public(), kid))
		wantFault(t, err, fault.Malformed)
	}
	s := cose.GenerateSigner()
	b, err := s.ExportSecretCOSEKey()
	if err != nil {
		t.Fatal(err)
	}
	s2, err := cose.ParseSigner(b)
	if err != nil || !s2.Verifier().Equal(s.Verifier()) {
		t.Errorf("private Ed25519: %v", err)
	}
	v, err := cose.ParseVerifier(s.Verifier().COSEKey())
	if err != nil || !v.Equal(s.Verifier()) {
		t.Errorf("public Ed25519: %v", err)
	}
	_, err = cose.ParseVerifier(b)
	wantFault(t, err, fault.Malformed)
	_, err = cose.ParseSigner(s.Verifier().COSEKey())
	wantFault(t, err, fault.Malformed)
}

func TestOKPKeysAreChecked(t *testing.T) {
	x := strings.Repeat("09", 32)
	parsePublic := func(b []byte) error { _, _, err := cose.ParsePublicX25519(b); return err }
	parseSecret := func(b []byte) error { _, _, err := cose.ParseSecretX25519(b); return err }
	parseVerifier := func(b []byte) error { _, err := cose.ParseVerifier(b); return err }
	parseSigner := func(b []byte) error { _, err := cose.ParseSigner(b); return err }
	for name, c := range map[string]struct {
		key   string
		parse func([]byte) error
		want  fault.Code
	}{
		"bytes of X25519 public":    {"a301012004215820" + x, parsePublic, 0},
		"any order":                 {"a321582009" + x[2:] + "20040101", parsePublic, 0},
		"x of 31 bytes":             {"a30101200421581f" + x[2:], parsePublic, fault.Malformed},
		"x of 33 bytes":             {"a301012004215821" + x + "09", parsePublic, fault.Malformed},
		"x of low order":            {"a301012004215820" + strings.Repeat("00", 32), parsePublic, fault.Malformed},
		"another curve":             {"a301012006215820" + x, parsePublic, fault.Malformed},
		"curve as text":             {"a301012066583235353139215820" + x, parsePublic, fault.Malformed},
		"curve null":                {"a3010120f6215820" + x, parsePublic, fault.Malformed},
		"curve a map":               {"a3010120a0215820" + x, parsePublic, fault.Malformed},
		"another key type":          {"a301022004215820" + x, parsePublic, fault.Malformed},
		"neither x nor d":           {"a201012004", parsePublic, fault.Malformed},
		"key_ops":                   {"a401010480" + "2004215820" + x, parsePublic, fault.UnsupportedVersion},
		"d without x":               {"a301012004235820" + x, parseSecret, 0},
		"x of another d":            {"a401012004215820" + x + "235820" + x, parseSecret, fault.Malformed},
		"d of 31 bytes":             {"a30101200423581f" + x[2:], parseSecret, fault.Malformed},
		"Ed25519 x of small order":  {"a30101200621582001" + strings.Repeat("00", 31), parseVerifier, fault.Malformed},
		"Ed25519 x of another d":    {"a401012006215820" + x + "235820" + x, parseSigner, fault.Malformed},
		"Ed25519 d of 31 bytes":     {"a30101200623581f" + x[2:], parseSigner, fault.Malformed},
		"Ed25519 x of 31 bytes":     {"a30101200621581f" + x[2:], parseVerifier, fault.Malformed},
		"neither, private":          {"a201012004", parseSecret, fault.Malformed},
		"X25519 where Ed25519 is":   {"a301012004235820" + x, parseSigner, fault.Malformed},
		"X25519 public for Ed25519": {"a301012004215820" + x, parseVerifier, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hex.DecodeString(c.key)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.parse(b); c.want == 0 && err != nil {
				t.Error(err)
			} else if c.want != 0 {
				wantFault(t, err, c.want)
			}
		})
	}
}

func TestZeroAndNilKeysAreDestroyedOnes(t *testing.T) {
	inner := generate(t, cose.A256GCM)
	for _, k := range []*cose.Key{nil, {}} {
		_, err := k.Encrypt0(nil, nil, place)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.Decrypt0(nil, nil, place)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.WrapKey(inner, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = inner.WrapKey(k, nil)
		wantFault(t, err, fault.DestroyedKey)
		wrapped, err := inner.WrapKey(inner, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.UnwrapKey(wrapped, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecret()
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecretCOSEKey()
		wantFault(t, err, fault.DestroyedKey)
		if k.Equal(k) || k.Equal(inner) || inner.Equal(k) || len(k.ID()) != 8 || k.KeyID() != nil || k.Algorithm() != 0 {
			t.Error("a destroyed key is somebody")
		}
		k.Destroy()
	}
	message, err := cose.GenerateSigner().Sign1(nil, nil, place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = new(cose.Verifier).Verify1(message, place)
	wantFault(t, err, fault.UntrustedSigner)
}
