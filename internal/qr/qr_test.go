package qr_test

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/qr"
)

var wantFault = faulttest.Want

// That the pictures are QR codes, a decoder by somebody else says, in the tests of the command line. Here they are held
// against each other, as rows of # and dots.

func fromPNG(t testing.TB, content []byte, size, side int) string {
	t.Helper()
	b, err := qr.PNG(content, size)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	scale := size / side
	first := (size - scale*side) / 2
	var rows strings.Builder
	for y := range side {
		for x := range side {
			if picture.At(first+x*scale, first+y*scale) == color.Color(color.RGBA{A: 0xff}) {
				rows.WriteByte('#')
			} else {
				rows.WriteByte('.')
			}
		}
		rows.WriteByte('\n')
	}
	return rows.String()
}

func fromSVG(t testing.TB, content []byte, side int) string {
	t.Helper()
	b, err := qr.SVG(content)
	if err != nil {
		t.Fatal(err)
	}
	_, path, found := strings.Cut(string(b), `<path fill="#000" d="`)
	if box := fmt.Sprintf(`viewBox="0 0 %d %[1]d"`, side); !found || !strings.Contains(string(b), box) {
		t.Fatalf("SVG %s", b)
	}
	rows := strings.Split(strings.Repeat(strings.Repeat(".", side)+"\n", side), "\n")
	for path[0] == 'M' {
		var x, y, width, back int
		run, rest, _ := strings.Cut(path, "z")
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1H%d", &x, &y, &width, &back); err != nil || back != x {
			t.Fatalf("run %q: %v", run, err)
		}
		rows[y] = rows[y][:x] + strings.Repeat("#", width) + rows[y][x+width:]
		path = rest
	}
	return strings.Join(rows, "\n")
}

func fromTerminal(t testing.TB, content []byte) string {
	t.Helper()
	text, err := qr.Terminal(content)
	if err != nil {
		t.Fatal(err)
	}
	upper := strings.NewReplacer(" ", ".", "▀", "#", "▄", ".", "█", "#")
	lower := strings.NewReplacer(" ", ".", "▀", ".", "▄", "#", "█", "#")
	var rows strings.Builder
	for line := range strings.Lines(text) {
		blocks, begin := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		blocks, end := strings.CutSuffix(blocks, "\x1b[0m\n")
		if !begin || !end {
			t.Fatalf("line %q", line)
		}
		rows.WriteString(upper.Replace(blocks) + "\n" + lower.Replace(blocks) + "\n")
	}
	return rows.String()
}

func content(n int) []byte { return bytes.Repeat([]byte{0xa7}, n) }

// The bytes that have room at error correction M, from version 1 on, are those of ISO/IEC 18004, table 7.
func TestCodeHasTheLeastVersionThatHoldsTheContent(t *testing.T) {
	from := 1
	for i, capacity := range []int{14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, qr.MaxContent} {
		side := 21 + 4*i + 2*4
		for _, n := range []int{from, capacity} {
			if _, err := qr.PNG(content(n), side); err != nil {
				t.Errorf("%d bytes in version %d: %v", n, i+1, err)
			}
			_, err := qr.PNG(content(n), side-1)
			wantFault(t, err, fault.Misuse)
		}
		from = capacity + 1
	}
}

func TestAllPicturesAreOfOneCode(t *testing.T) {
	for n, side := range map[int]int{1: 29, 74: 45, 213: 65, qr.MaxContent: 77} {
		want := fromPNG(t, content(n), side, side)
		for _, size := range []int{side + 1, 2*side - 1, 2 * side, 512} {
			if fromPNG(t, content(n), size, side) != want {
				t.Errorf("%d bytes: the PNG of %d pixels is of another code", n, size)
			}
		}
		if fromSVG(t, content(n), side) != want {
			t.Errorf("%d bytes: the SVG is of another code", n)
		}
		if below := strings.Repeat(".", side) + "\n"; fromTerminal(t, content(n)) != want+below {
			t.Errorf("%d bytes: the terminal shows another code", n)
		}
		rows := strings.Fields(want)
		for _, row := range rows {
			if row[:4] != "...." || row[side-4:] != "...." {
				t.Fatalf("%d bytes: no margin in %s", n, row)
			}
		}
		if ends := strings.Join(append(rows[:4], rows[side-4:]...), ""); strings.Contains(ends, "#") {
			t.Errorf("%d bytes: no margin above or below", n)
		}
	}
}

func TestContentIsLimited(t *testing.T) {
	for _, n := range []int{0, qr.MaxContent + 1, 1 << 16} {
		_, err := qr.PNG(content(n), 512)
		wantFault(t, err, fault.Misuse)
		_, err = qr.SVG(content(n))
		wantFault(t, err, fault.Misuse)
		_, err = qr.Terminal(content(n))
		wantFault(t, err, fault.Misuse)
	}
}

func TestSizesOfAPNGAreLimited(t *testing.T) {
	for _, size := range []int{-1 << 31, -1, 0, 1, 28, qr.MaxPNG + 1, 1<<31 - 1} {
		_, err := qr.PNG(content(1), size)
		wantFault(t, err, fault.Misuse)
	}
	if _, err := qr.PNG(content(1), qr.MaxPNG); err != nil {
		t.Error(err)
	}
}
