package cpace_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/bwesterb/go-ristretto"

	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/ratio"
)

// octets are bytes in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// vector is a run of both sides. Each file has names of its own for the values.
type vector struct{ prs, ci, sid, ada, adb, ya, yb, shareA, shareB, isk []byte }

const vectorFolder = "../conformance/testdata/vectors/"

func readVectors(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(vectorFolder + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func (v *vector) check(t *testing.T) {
	t.Helper()
	if len(v.isk) != 64 || len(v.prs) == 0 {
		t.Fatal("the file lacks values")
	}
	a, b := cpace.Begin(scalar(t, v.ya), v.prs, v.ci, v.sid), cpace.Begin(scalar(t, v.yb), v.prs, v.ci, v.sid)
	if !bytes.Equal(a.Share(), v.shareA) || !bytes.Equal(b.Share(), v.shareB) {
		t.Errorf("shares %x and %x", a.Share(), b.Share())
	}
	iskA, errA := a.Initiator(v.ada, v.shareB, v.adb)
	iskB, errB := b.Responder(v.adb, v.shareA, v.ada)
	if errA != nil || errB != nil || !bytes.Equal(iskA, v.isk) || !bytes.Equal(iskB, v.isk) {
		t.Errorf("keys %x and %x, %v, %v", iskA, iskB, errA, errB)
	}
}

func TestPublishedRun(t *testing.T) {
	var file struct {
		V struct {
			PRS, CI, SID octets
			ADa, ADb     octets
			ISK          octets `json:"ISK_IR"`
			ScalarA      octets `json:"ya"`
			ScalarB      octets `json:"yb"`
			ShareA       octets `json:"Ya"`
			ShareB       octets `json:"Yb"`
		} `json:"G_Coffee25519"`
	}
	readVectors(t, "cpace_ristretto255_and_x25519.json", &file)
	f := file.V
	(&vector{f.PRS, f.CI, f.SID, f.ADa, f.ADb, f.ScalarA, f.ScalarB, f.ShareA, f.ShareB, f.ISK}).check(t)
}

func TestRunOfTheNativeProtocol(t *testing.T) {
	var file struct {
		V struct {
			Secret  string `json:"secret"`
			CI      octets `json:"ci"`
			SID     octets `json:"sid"`
			ADa     octets `json:"ad_a"`
			ADb     octets `json:"ad_b"`
			ScalarA octets `json:"scalar_a"`
			ScalarB octets `json:"scalar_b"`
			ShareA  octets `json:"Ya"`
			ShareB  octets `json:"Yb"`
			ISK     octets `json:"isk"`
		} `json:"link_cpace"`
	}
	readVectors(t, "native_v2.json", &file)
	f := file.V
	(&vector{[]byte(f.Secret), f.CI, f.SID, f.ADa, f.ADb, f.ScalarA, f.ScalarB, f.ShareA, f.ShareB, f.ISK}).check(t)
}

// The appendix of the draft on its utility functions.
func TestLengthsAreLEB128(t *testing.T) {
	count := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)
		}
		return b
	}
	for _, test := range []struct{ have, want []byte }{
		{cpace.Concat(nil), []byte{0}},
		{cpace.Concat([]byte("1234")), []byte("\x041234")},
		{cpace.Concat(count(127)), append([]byte{0x7f}, count(127)...)},
		{cpace.Concat(count(128)), append([]byte{0x80, 0x01}, count(128)...)},
		{cpace.Concat([]byte("1234"), []byte("5"), nil, []byte("6789")), []byte("\x041234\x015\x00\x046789")},
	} {
		if !bytes.Equal(test.have, test.want) || cap(test.have) != len(test.have) {
			t.Errorf("%x, want %x", test.have, test.want)
		}
	}
}

// What follows the secret begins in the second block of SHA-512, as long as the secret fits into the first.
func TestGeneratorStringFillsTheFirstBlock(t *testing.T) {
	head := len(cpace.DSI) + 1
	for _, n := range []int{0, 1, 9, 108, 109, 110, 127, 128, 300} {
		prs := bytes.Repeat([]byte{7}, n)
		b := cpace.GeneratorString(cpace.DSI, prs, []byte("ci"), []byte("sid"))
		want := max(128, len(cpace.Concat(prs, nil))+head)
		if at := bytes.LastIndex(b, []byte("\x02ci\x03sid")); at != want || at+7 != len(b) {
			t.Errorf("secret of %d bytes: channel at %d of %d, want %d", n, at, len(b), want)
		}
	}
}

// BenchmarkRun is one side of a run, beside the two scalar multiplications that it cannot do without.
func BenchmarkRun(b *testing.B) {
	var wide [64]byte
	wide[0] = 7
	var bare, q ristretto.Point
	var k ristretto.Scalar
	k.SetReduced(&wide)
	q.DeriveDalek(nil)
	y, secret, ad := begin7(b).Share(), []byte("123456789"), make([]byte, 64)
	ratio.Run(b, func() {
		p := cpace.Begin(cpace.NewScalar(), secret, ad, ad[:16])
		if _, err := p.Initiator(ad, y, ad); err != nil {
			b.Fatal(err)
		}
	}, func() {
		bare.ScalarMult(&q, &k)
		bare.ScalarMult(&bare, &k)
	})
}
