package main

import (
	"bytes"
	"image/png"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
)

// two are the log files of alice, who has two devices, and bob, and the number of both from alice's side.
func two(t testing.TB) (c *cli, alice, bob string, n *safetynumber.Number) {
	t.Helper()
	phone, laptop, other := newKeys(t, "alice"), newKeys(t, "alice"), newKeys(t, "bob")
	a, b := foundedBy(t, phone, nil), foundedBy(t, other, nil)
	a.add(phone, laptop.Record())
	dir := t.TempDir()
	alice, bob = filepath.Join(dir, "alice"), filepath.Join(dir, "bob")
	write(t, alice, logBytes(a.entries))
	write(t, bob, logBytes(b.entries))
	n, err := safetynumber.New(partyOf(a.log), partyOf(b.log))
	if err != nil {
		t.Fatal(err)
	}
	return &cli{TB: t}, alice, bob, n
}

// scan reads a picture with a decoder that knows nothing of the encoder: the bytes of a code in byte mode. found is whether
// the decoder also found where in the picture the code is, which it fails to in one of two hundred, whoever drew it.
func scan(t testing.TB, picture []byte) (content []byte, found bool) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	result, notFound := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if notFound != nil {
		whole := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true}
		if result, err = qrcode.NewQRCodeReader().Decode(bitmap, whole); err != nil {
			t.Fatal(err)
		}
	}
	meta := result.GetResultMetadata()
	if level := meta[gozxing.ResultMetadataType_ERROR_CORRECTION_LEVEL]; level != "M" {
		t.Errorf("error correction %v", level)
	}
	segments, ok := meta[gozxing.ResultMetadataType_BYTE_SEGMENTS].([][]byte)
	if !ok || len(segments) != 1 {
		t.Fatalf("%d byte segments", len(segments))
	}
	return segments[0], notFound == nil
}

func TestSafetyNumberIsThatOfBothLogs(t *testing.T) {
	c, alice, bob, n := two(t)
	out := c.ok("safety-number", alice, bob)
	own, other := field(t, out, "own user"), field(t, out, "other user")
	if own != "alice, as the log says; active devices: 2" || other != "bob, as the log says; active devices: 1" {
		t.Error(out)
	}
	digits := func(out string) string {
		_, number, _ := strings.Cut(out, "number")
		return strings.Join(strings.Fields(number), "")
	}
	if digits(out) != n.Digits() || strings.Count(out, "\n") != 5 {
		t.Errorf("want %s:\n%s", n, out)
	}
	if digits(c.ok("safety-number", bob, alice)) != n.Digits() {
		t.Error("the other side sees other digits")
	}
	b := read(t, bob)
	if code, out, _ := runSotto(t, b, "safety-number", alice, "-"); code != 0 || digits(out) != n.Digits() {
		t.Errorf("from stdin: exit code %d\n%s", code, out)
	}
}

// The pictures of many codes, read by somebody else's decoder.
func TestPictureOfASafetyNumberIsAQRCode(t *testing.T) {
	const codes = 40
	seen := 0
	for i := range codes {
		me, peer := safetynumber.Party{User: "alice"}, safetynumber.Party{User: "bob"}
		me.Root[0], peer.Root[0] = byte(i), byte(i)
		n, err := safetynumber.New(me, peer)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := n.PNG([]int{90, 135, 200, 450, 512}[i%5])
		if err != nil {
			t.Fatal(err)
		}
		have, found := scan(t, picture)
		if !bytes.Equal(have, n.Scannable()) {
			t.Errorf("%d: scanned %x, want %x", i, have, n.Scannable())
		}
		if found {
			seen++
		}
	}
	if seen < codes-2 {
		t.Errorf("found %d of %d codes", seen, codes)
	}
}

func TestScannedPictureMatchesOnTheOtherSide(t *testing.T) {
	c, alice, bob, n := two(t)
	dir := t.TempDir()
	picture, drawing, scanned := filepath.Join(dir, "png"), filepath.Join(dir, "svg"), filepath.Join(dir, "scanned")
	c.ok("safety-number", alice, bob, "--png", picture, "--svg", drawing)
	want, err := n.SVG()
	if err != nil || string(read(t, drawing)) != string(want) {
		t.Error("another SVG")
	}
	content, _ := scan(t, read(t, picture))
	write(t, scanned, content)
	c.ok("safety-number", bob, alice, "--scan", scanned)

	untouched(t, picture, drawing, scanned)
	if err := c.refused(0, "safety-number", alice, bob, "--scan", scanned); !strings.Contains(err, "own one") {
		t.Error(err)
	}
	other := newKeys(t, "bob")
	ghost := filepath.Join(t.TempDir(), "bob")
	write(t, ghost, logBytes(foundedBy(t, other, nil).entries))
	if err := c.refused(0, "safety-number", ghost, alice, "--scan", scanned); !strings.Contains(err, "differs") {
		t.Error(err)
	}
	c.refused(0, "safety-number", alice, bob, "--png", picture) // which is there
	c.refused(0, "safety-number", alice, bob, "--svg", drawing)
}

func TestScanThatIsNoCodeIsRefused(t *testing.T) {
	c, alice, bob, n := two(t)
	scanned := filepath.Join(t.TempDir(), "scanned")
	for want, b := range map[fault.Code][]byte{
		fault.Malformed:          n.Scannable()[:73],
		fault.UnsupportedVersion: append([]byte{8, 2}, n.Scannable()[2:]...),
		fault.OverLimit:          make([]byte, safetynumber.MaxScanned+1),
	} {
		write(t, scanned, b)
		c.refused(want, "safety-number", alice, bob, "--scan", scanned)
	}
}

func TestSafetyNumberOfABadLogIsRefused(t *testing.T) {
	c, alice, bob, _ := two(t)
	broken := filepath.Join(t.TempDir(), "broken")
	b := read(t, bob)
	b[len(b)-1] ^= 1
	write(t, broken, b)
	c.refused(fault.UntrustedSigner, "safety-number", alice, broken)
	c.refused(fault.UntrustedSigner, "safety-number", broken, alice)
	write(t, broken, b[:len(b)-1])
	c.refused(fault.Malformed, "safety-number", alice, broken)
	if code, _, _ := c.run("safety-number", alice, alice); code != 2 {
		t.Errorf("exit code %d for the same user twice", code)
	}
}

func TestTerminalShowsTheCode(t *testing.T) {
	_, alice, bob, n := two(t)
	mine, err1 := namedLog(alice, nil)
	theirs, err2 := namedLog(bob, nil)
	picture, err3 := n.Terminal()
	var out bytes.Buffer
	if err1 != nil || err2 != nil || err3 != nil || showNumber(&out, mine, theirs, n, true) != nil {
		t.Fatal(err1, err2, err3)
	}
	if !strings.HasSuffix(out.String(), "\n\n"+picture) {
		t.Errorf("no code in\n%s", out.String())
	}
}
