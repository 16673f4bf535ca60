package safetynumber_test

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
)

// modules is the side of a code of 74 bytes, with its margin.
const modules = 37 + 2*4

// That the pictures are QR codes, a decoder by somebody else says, in the tests of the command line. Here they are held
// against each other.

// fromPNG reads a PNG of one size into modules.
func fromPNG(t testing.TB, n *safetynumber.Number, size int) (dark [modules][modules]bool) {
	t.Helper()
	b, err := n.PNG(size)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if side := picture.Bounds().Dx(); side != size || picture.Bounds().Dy() != size {
		t.Fatalf("%d pixels, want %d", side, size)
	}
	scale := size / modules
	first := (size - scale*modules) / 2
	for y := range size {
		for x := range size {
			gray := color.GrayModel.Convert(picture.At(x, y)).(color.Gray).Y
			if gray != 0 && gray != 255 {
				t.Fatalf("a gray of %d", gray)
			}
			inside := x >= first && y >= first && x < first+scale*modules && y < first+scale*modules
			if !inside {
				if gray == 0 {
					t.Fatalf("%d, %d is dark, and outside", x, y)
				}
				continue
			}
			module := &dark[(y-first)/scale][(x-first)/scale]
			if (x-first)%scale == 0 && (y-first)%scale == 0 {
				*module = gray == 0
			} else if *module != (gray == 0) {
				t.Fatalf("the module of %d, %d has two colors", x, y)
			}
		}
	}
	return dark
}

var svgForm = regexp.MustCompile(`^<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 45 45" shape-rendering="crispEdges">` +
	`<path fill="#fff" d="M0 0h45v45H0z"/><path fill="#000" d="((?:M\d+ \d+h\d+v1H\d+z)+)"/></svg>\n$`)

func fromSVG(t testing.TB, n *safetynumber.Number) (dark [modules][modules]bool) {
	t.Helper()
	b, err := n.SVG()
	if err != nil {
		t.Fatal(err)
	}
	form := svgForm.FindSubmatch(b)
	if form == nil {
		t.Fatalf("SVG %s", b)
	}
	for _, run := range strings.SplitAfter(strings.TrimSuffix(string(form[1]), "z"), "z") {
		var x, y, width, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1H%d", &x, &y, &width, &back); err != nil || back != x {
			t.Fatalf("run %q: %v", run, err)
		}
		for i := range width {
			dark[y][x+i] = true
		}
	}
	return dark
}

func fromTerminal(t testing.TB, n *safetynumber.Number) (dark [modules][modules]bool) {
	t.Helper()
	text, err := n.Terminal()
	if err != nil {
		t.Fatal(err)
	}
	y := 0
	for line := range strings.Lines(text) {
		blocks, ok := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		blocks, end := strings.CutSuffix(blocks, "\x1b[0m\n")
		if row := []rune(blocks); !ok || !end || len(row) != modules {
			t.Fatalf("line %q", line)
		}
		for x, r := range []rune(blocks) {
			dark[y][x] = r == '▀' || r == '█'
			if low := r == '▄' || r == '█'; y+1 < modules {
				dark[y+1][x] = low
			} else if low {
				t.Error("a dark half below the code")
			}
		}
		y += 2
	}
	if y != modules+1 {
		t.Errorf("%d half lines", y)
	}
	return dark
}

func TestAllPicturesAreOfOneCode(t *testing.T) {
	n := number(t, alice(), bob())
	want := fromPNG(t, n, modules)
	for _, size := range []int{46, 89, 90, 91, 300, 512} {
		if fromPNG(t, n, size) != want {
			t.Errorf("the PNG of %d pixels is of another code", size)
		}
	}
	if fromSVG(t, n) != want {
		t.Error("the SVG is of another code")
	}
	if fromTerminal(t, n) != want {
		t.Error("the terminal shows another code")
	}
	if fromPNG(t, number(t, bob(), alice()), modules) == want {
		t.Error("the other side has the same code")
	}
	for i := range modules {
		for j := range 4 {
			if want[i][j] || want[j][i] || want[i][modules-1-j] || want[modules-1-j][i] {
				t.Fatalf("the margin is dark at %d, %d", i, j)
			}
		}
	}
}

func TestSizesOfAPNGAreLimited(t *testing.T) {
	n := number(t, alice(), bob())
	for _, size := range []int{-1 << 31, -1, 0, 1, modules - 1, safetynumber.MaxPNG + 1, 1<<31 - 1} {
		_, err := n.PNG(size)
		wantFault(t, err, fault.Misuse)
	}
	if _, err := n.PNG(safetynumber.MaxPNG); err != nil {
		t.Error(err)
	}
}
