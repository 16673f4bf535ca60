package device_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
)

// What holds for every signed structure: it has one form, and everything else is refused. Each refused one differs in one
// thing from a good one and is signed over that.

// structure is a good signed object and the door through which it comes in.
type structure struct {
	name  string
	label string
	limit int                         // of the signed object, in bytes
	pairs []pair                      // the good payload
	forge func(payload []byte) forged // signs it as it must be
	open  func(b []byte) (opened bool, err error)
}

// pair is an encoded key of a payload and its encoded value.
type pair struct{ key, value []byte }

func (f fields) pairs(t testing.TB) []pair {
	t.Helper()
	var pairs []pair
	for key := range uint64(16) {
		if v, ok := f[key]; ok {
			value, err := wire.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, pair{[]byte{byte(key)}, value})
		}
	}
	return pairs
}

func encodePairs(pairs []pair) []byte {
	b := wire.AppendHead(nil, wire.MajorMap, uint64(len(pairs)))
	for _, p := range pairs {
		b = append(append(b, p.key...), p.value...)
	}
	return b
}

func (s structure) good() forged { return s.forge(encodePairs(s.pairs)) }

// broken is an object that must be refused.
type broken struct {
	name string
	b    []byte
	want fault.Code
}

func TestEveryStructureHasOneForm(t *testing.T) {
	for _, s := range structures(t) {
		t.Run(s.name, func(t *testing.T) {
			if opened, err := s.open(s.good().bytes()); err != nil || !opened {
				t.Fatalf("the good one: %v", err)
			}
			for _, broken := range slices.Concat(s.brokenOutside(t), s.brokenSigner(t), s.brokenPayload(), s.brokenValues()) {
				t.Run(broken.name, func(t *testing.T) {
					opened, err := s.open(broken.b)
					wantFault(t, err, broken.want)
					if opened {
						t.Error("a result beside the error")
					}
				})
			}
		})
	}
}

func TestEveryStructureRefusesEveryFlippedByteAndEveryCut(t *testing.T) {
	for _, s := range structures(t) {
		t.Run(s.name, func(t *testing.T) {
			good := s.good().bytes()
			for i := range good {
				for _, bad := range [][]byte{flipped(good, i, 0x01), flipped(good, i, 0x80), good[:i]} {
					opened, err := s.open(bad)
					if err == nil || opened {
						t.Fatalf("byte %d: accepted", i)
					}
					faulttest.FromInput(t, err)
				}
			}
		})
	}
}

func flipped(b []byte, i int, mask byte) []byte {
	b = bytes.Clone(b)
	b[i] ^= mask
	return b
}

// brokenOutside breaks what stands around the payload.
func (s structure) brokenOutside(t *testing.T) []broken {
	t.Helper()
	var all []broken
	add := func(name string, want fault.Code, change func(*forged)) {
		f := s.good()
		change(&f)
		all = append(all, broken{name, f.bytes(), want})
	}
	add("wrong-tag", fault.Malformed, func(f *forged) { f.head = []byte{0xd1, 0x84} })
	add("wrong-tag none", fault.Malformed, func(f *forged) { f.head = []byte{0x84} })
	add("header-extra protected", fault.Malformed, func(f *forged) {
		f.protected = append(bytes.Clone(f.protected), 0x18, 99, 0)
		f.protected[0]++
	})
	add("header-extra unprotected", fault.Malformed, func(f *forged) { f.unprotected = []byte{0xa1, 0x18, 99, 0} })
	add("header order", fault.Malformed, func(f *forged) {
		f.protected = append(append([]byte{0xa3}, f.protected[3:]...), f.protected[1:3]...)
	})
	add("header long integer", fault.Malformed, func(f *forged) { f.protected = slices.Insert(bytes.Clone(f.protected), 1, 0x18) })
	add("header indefinite", fault.Malformed, func(f *forged) {
		f.protected = append(append([]byte{0xbf}, f.protected[1:]...), 0xff)
	})
	add("alg-other", fault.Malformed, func(f *forged) { f.protected[2] = 0x26 }) // -7, ES256
	add("alg-other Ed25519", fault.Malformed, func(f *forged) {                  // -19, RFC 9864
		f.protected = slices.Replace(bytes.Clone(f.protected), 2, 3, 0x32)
	})
	for _, label := range labels(t) {
		if label == s.label {
			continue
		}
		add("typ-of-twin "+label, fault.Malformed, func(f *forged) { f.protected = retyped(f.protected, s.label, label) })
		add("ext-of-twin "+label, fault.UntrustedSigner, func(f *forged) {
			f.aad = retyped(f.aad, s.label, label)
		})
		add("twin "+label, fault.Malformed, func(f *forged) {
			f.protected, f.aad = retyped(f.protected, s.label, label), retyped(f.aad, s.label, label)
		})
	}
	add("typ of a newer version", fault.UnsupportedVersion, func(f *forged) {
		f.protected = retyped(f.protected, s.label, "sotto/v2"+s.label[len("sotto/v1"):])
	})
	add("typ-of-twin none", fault.Malformed, func(f *forged) {
		f.protected = append([]byte{0xa2}, f.protected[1:bytes.Index(f.protected, []byte(s.label))-2]...)
	})
	good := s.good().bytes()
	detached := bytes.Replace(good, wire.AppendBytes(nil, encodePairs(s.pairs)), []byte{wire.Null}, 1)
	return append(all,
		broken{"payload-detached-or-null", detached, fault.Malformed},
		broken{"trailing-byte", append(good, 0), fault.Malformed},
		broken{"empty", nil, fault.Malformed},
	)
}

// retyped is b with another label, encoded as text.
func retyped(b []byte, from, to string) []byte {
	return bytes.Replace(b, wire.AppendText(nil, from), wire.AppendText(nil, to), 1)
}

// labels are all labels that sotto has.
func labels(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../internal/wire/labels.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && len(s) > len("sotto/v1.") && s[:9] == "sotto/v1." {
				all = append(all, s)
			}
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("%d labels found", len(all))
	}
	return all
}

// brokenSigner lets somebody else sign, or says that somebody else did.
func (s structure) brokenSigner(t *testing.T) []broken {
	t.Helper()
	public, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	kid := sha256.Sum256(public)
	f := s.good()
	unprotectedKid := f
	unprotectedKid.protected = wire.AppendText([]byte{0xa2, 1, 0x27, 16}, s.label)
	unprotectedKid.unprotected = append([]byte{0xa1}, f.protected[3:3+35]...)
	otherKid, noKid, shortKid, textKid, stolen := f, f, f, f, f
	otherKid.protected = protected(kid[:], s.label)
	noKid.protected = unprotectedKid.protected
	shortKid.protected = protected(f.protected[6:6+31], s.label)
	textKid.protected = wire.AppendText(append(wire.AppendText([]byte{0xa3, 1, 0x27, 4}, "me"), 16), s.label)
	stolen.key = other
	return []broken{
		{"kid-other", otherKid.bytes(), fault.UntrustedSigner},
		{"kid-other none", noKid.bytes(), fault.UntrustedSigner},
		{"kid-other cut", shortKid.bytes(), fault.UntrustedSigner},
		{"kid-other unprotected", unprotectedKid.bytes(), fault.Malformed},
		{"kid-other text", textKid.bytes(), fault.Malformed},
		{"signature-by-other", stolen.bytes(), fault.UntrustedSigner},
		{"signature-by-other zeros", f.with(make([]byte, 64)), fault.UntrustedSigner},
		{"signature-by-other cut", f.with(make([]byte, 63)), fault.UntrustedSigner},
		{"signature-by-other empty", f.with(nil), fault.UntrustedSigner},
	}
}
