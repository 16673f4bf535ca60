package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/wire"
)

// Each testdata/NAME.hex is a message, NAME.txt what is said about it.
func TestInspectSaysWhatAMessageIs(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(inputs) == 0 {
		t.Fatal("no messages", err)
	}
	for _, name := range inputs {
		want, err := os.ReadFile(strings.TrimSuffix(name, "hex") + "txt")
		if err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := runSotto(t, nil, "inspect", name)
		if code != 0 || stderr != "" || stdout != string(want) {
			t.Errorf("%s: exit code %d, stderr %q, printed:\n%s", name, code, stderr, stdout)
		}
	}
}

func TestInspectReadsBytesHexAndBase64(t *testing.T) {
	message := readHex(t, "testdata/encrypt0.hex")
	for want, input := range map[string]string{
		"read as bytes":       string(message),
		"read as hex text":    strings.ToUpper(hex.EncodeToString(message)) + "\n",
		"read as base64 text": " " + base64.StdEncoding.EncodeToString(message) + "\r\n",
	} {
		code, stdout, _ := runSotto(t, []byte(input), "inspect", "-")
		if code != 0 || !strings.Contains(stdout, want) || !strings.Contains(stdout, "sotto/v1.sealed") {
			t.Errorf("%s: exit code %d, printed:\n%s", want, code, stdout)
		}
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if code, stdout, _ := runSotto(t, []byte(encoding.EncodeToString(message)), "inspect", "-"); code != 0 {
			t.Errorf("exit code %d, printed:\n%s", code, stdout)
		}
	}
}

func readHex(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testSecret has no two equal bytes and is no UTF-8, so that every part of it is found in an output.
var testSecret = func() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = 0xc0 + byte(i)
	}
	return b
}()

func TestInspectNeverPrintsASecret(t *testing.T) {
	if leaked(hex.EncodeToString(testSecret[5:9])) == "" || leaked(base64.StdEncoding.EncodeToString(testSecret)) == "" {
		t.Fatal("leaks are not found")
	}
	key, err := cose.NewKey(cose.A256GCM, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	symmetric, err := key.ExportSecretCOSEKey()
	if err != nil {
		t.Fatal(err)
	}
	k := wire.AppendBytes(nil, testSecret)
	cat := func(parts ...string) []byte { return []byte(strings.Join(parts, "")) }
	okpKey := cat("\xa4\x01\x01\x20\x04\x21\x41\x00\x23", string(k))
	// A fixed key: two bytes of a random signature would now and then be those of the secret.
	signer, err := cose.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign1(nil, okpKey, cose.Context{})
	if err != nil {
		t.Fatal(err)
	}
	for name, input := range map[string][]byte{
		"Symmetric":                 symmetric,
		"OKP":                       okpKey,
		"EC2":                       cat("\xa5\x01\x02\x20\x01\x21\x41\x00\x22\xf5\x23", string(k)),
		"RSA":                       cat("\xa4\x01\x03\x20\x41\x00\x21\x41\x03\x22", string(k)),
		"a type not known here":     cat("\xa2\x01\x07\x21", string(k)),
		"type as text":              cat("\xa2\x01\x63any\x20", string(k)),
		"type after the secret":     cat("\xa2\x20", string(k), "\x01\x04"),
		"type without bounds":       cat("\xa2\x20", string(k), "\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
		"no type":                   cat("\xa1\x20", string(k)),
		"k in an array":             cat("\xa2\x01\x04\x20\x81", string(k)),
		"k as integers":             cat("\xa2\x01\x04\x20\x98\x20", integers(testSecret)),
		"with key_ops":              cat("\xa3\x01\x04\x04\x81\x03\x20", string(k)),
		"in an array":               cat("\x82\x01", string(symmetric)),
		"in a map":                  cat("\xa1\x63key", string(symmetric)),
		"as the label of a map":     cat("\xa1", string(symmetric), "\x01"),
		"in a tag":                  cat("\xd9\x01\x00", string(symmetric)),
		"in a byte string":          wire.AppendBytes(nil, symmetric),
		"in two byte strings":       wire.AppendBytes(nil, wire.AppendBytes(nil, symmetric)),
		"as signed payload":         signed,
		"as ciphertext":             cat("\xd0\x83\x40\xa0", string(wire.AppendBytes(nil, symmetric))),
		"as protected header":       cat("\xd0\x83", string(wire.AppendBytes(nil, symmetric)), "\xa0\x40"),
		"as unprotected header":     cat("\xd0\x83\x40", string(symmetric), "\x40"),
		"as ephemeral key":          cat("\xd0\x83\x40\xa1\x20", string(okpKey), "\x40"),
		"as kid":                    cat("\xd0\x83\x40\xa1\x04", string(wire.AppendBytes(nil, okpKey)), "\x40"),
		"bare":                      k,
		"bare in an array":          cat("\x81", string(k)),
		"cut, in a byte string":     wire.AppendBytes(nil, cat("\xa3\x20", string(k), "\x01\x04")),
		"cut, as signed payload":    cat("\xd2\x84\x40\xa0", string(wire.AppendBytes(nil, cat("\xa3\x20", string(k)))), "\x40"),
		"trailing, in a byte array": wire.AppendBytes(nil, append(bytes.Clone(symmetric), 0)),
	} {
		asHex, asBase64 := hex.EncodeToString(input), base64.StdEncoding.EncodeToString(input)
		for _, form := range []string{string(input), asHex, asBase64} {
			code, stdout, stderr := runSotto(t, []byte(form), "inspect", "-")
			if code != 0 {
				t.Errorf("%s: exit code %d, stderr %q", name, code, stderr)
			}
			if part := leaked(stdout + stderr); part != "" {
				t.Errorf("%s: %s was printed:\n%s", name, part, stdout)
			}
		}
	}
}

// integers is every byte as a CBOR integer.
func integers(b []byte) string {
	var s strings.Builder
	for _, v := range b {
		s.Write(wire.AppendInt(nil, int64(v)))
	}
	return s.String()
}

// leaked returns the first two bytes of testSecret that occur in s in any spelling.
func leaked(s string) string {
	for i := range testSecret[:len(testSecret)-1] {
		pair := testSecret[i : i+2]
		for _, spelling := range []string{
			hex.EncodeToString(pair), string(pair), fmt.Sprintf("%d, %d", pair[0], pair[1]), fmt.Sprintf(": %d\n", pair[0]),
		} {
			if strings.Contains(strings.ToLower(s), spelling) {
				return spelling
			}
		}
	}
	for i := range testSecret[:len(testSecret)-6] {
		if spelling := base64.StdEncoding.EncodeToString(testSecret[i : i+6]); strings.Contains(s, spelling) {
			return spelling
		}
	}
	return ""
}

func TestInspectSaysThatAKeyIsSecret(t *testing.T) {
	key, err := cose.GenerateSigner().ExportSecretCOSEKey()
	if err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := runSotto(t, key, "inspect", "-")
	if !strings.Contains(stdout, "-4 (d): secret, 32 bytes\n") || !strings.Contains(stdout, "It holds a secret in the clear.") {
		t.Errorf("printed:\n%s", stdout)
	}
	_, stdout, _ = runSotto(t, cose.GenerateSigner().Verifier().COSEKey(), "inspect", "-")
	if strings.Contains(stdout, "secret") {
		t.Errorf("of a public key, printed:\n%s", stdout)
	}
}

func TestInspectRefusesWhatIsNotOneItem(t *testing.T) {
	for name, input := range map[string]string{
		"empty": "", "cut": "\x82\x01", "trailing": "\x01\x02", "indefinite": "\x9f\xff", "long head": "\x18\x01",
		"repeated key": "\xa2\x01\x01\x01\x01", "not UTF-8": "\x61\xff", "too deep": strings.Repeat("\x81", 5000) + "\x01",
		"a bomb": "\x9b\x00\x00\x00\x00\xff\xff\xff\xff", "text": "hello, world", "hex of nothing": "ffff",
	} {
		code, stdout, stderr := runSotto(t, []byte(input), "inspect", "-")
		if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 2 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", name, code, stdout, stderr)
		}
	}
}

func TestInspectStopsAtItsLimits(t *testing.T) {
	_, stdout, _ := runSotto(t, []byte("\x99\x40\x00"+strings.Repeat("\x00", 0x4000)), "inspect", "-")
	if lines := strings.Count(stdout, "\n"); lines > maxLines+5 || !strings.HasSuffix(stdout, "…\n") {
		t.Errorf("%d lines, the last of which are %q", lines, stdout[len(stdout)-40:])
	}
	_, stdout, _ = runSotto(t, wire.AppendText(nil, strings.Repeat("ä", 10_000)), "inspect", "-")
	if len(stdout) > 500 || !strings.Contains(stdout, "… (20000 bytes)") {
		t.Errorf("of a long text, printed %q", stdout)
	}
	nested := []byte{0x01}
	for range 200 {
		nested = wire.AppendBytes(nil, append([]byte{0x81}, nested...))
	}
	if code, stdout, _ := runSotto(t, nested, "inspect", "-"); code != 0 || strings.Count(stdout, "\n") > 200 {
		t.Errorf("exit code %d, %d lines", code, strings.Count(stdout, "\n"))
	}
	code, _, stderr := runSotto(t, nil, "inspect", fileOf(t, maxInput+1))
	if code != 1 || !strings.Contains(stderr, "over a limit") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestInspectEscapesWhatATerminalActsUpon(t *testing.T) {
	hostile := "\x1b]0;title\x07\u202e\u200b\u009b"
	text := string(wire.AppendText(nil, hostile))
	for name, input := range map[string]string{
		"text":  text,
		"label": "\xa1" + text + "\x01",
		"kid":   "\xd0\x83\x40\xa1\x04" + bstr(hostile) + "\x40",
		"typ":   "\xd0\x83" + bstr("\xa2\x01\x03\x10"+text) + "\xa0\x50" + strings.Repeat("\x00", 16),
	} {
		if code, stdout, _ := runSotto(t, []byte(input), "inspect", "-"); code != 0 || !plainText(stdout) {
			t.Errorf("%s: exit code %d, printed %q", name, code, stdout)
		}
	}
}

// bstr is a CBOR byte string.
func bstr(s string) string { return string(wire.AppendBytes(nil, []byte(s))) }

// plainText reports whether a terminal shows every character of s and acts on none.
func plainText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && (!unicode.IsPrint(r) || r == unicode.ReplacementChar)
	})
}

func FuzzInspect(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.hex")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range inputs {
		b := readHex(f, name)
		f.Add(b)
		f.Add([]byte(base64.StdEncoding.EncodeToString(b)))
	}
	f.Add([]byte("\xa2\x20\x43key\x01\x04"))
	f.Add([]byte("\x84\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x3b\xff\xff\xff\xff\xff\xff\xff\xff\xf9\x7e\x00\xf8\xff"))
	f.Fuzz(func(t *testing.T, input []byte) {
		var out bytes.Buffer
		if err := inspect(&out, input); err != nil {
			if out.Len() > 0 || !plainText(err.Error()) {
				t.Errorf("%q printed beside %q", out.String(), err)
			}
			return
		}
		if !plainText(out.String()) || bytes.Count(out.Bytes(), []byte{'\n'}) > maxLines+20 {
			t.Errorf("printed %q", out.String())
		}
	})
}
