package device_test

import (
	"strings"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

func TestPinReadsBackWhatItWrites(t *testing.T) {
	p := newScene(t).log().Pin()
	text := p.String()
	if again, err := device.ParsePin(text); err != nil || again != p {
		t.Errorf("%v: %v", again, err)
	}
	root, head := p.Root.String(), p.Head.String()
	for name, bad := range map[string]string{
		"empty": "", "no seq": root + ":" + head, "short root": root[2:] + ":3:" + head, "short head": root + ":3:" + head[2:],
		"long head": text + "00", "no number": root + ":x:" + head, "negative": root + ":-1:" + head, "sign": root + ":+3:" + head,
		"leading zero": root + ":03:" + head, "too large": root + ":18446744073709551616:" + head, "upper case": strings.ToUpper(text),
		"space": text + " ", "odd": root[1:] + ":3:" + head, "no hexadecimal": strings.Repeat("g", 64) + ":3:" + head,
	} {
		got, err := device.ParsePin(bad)
		wantFault(t, err, fault.Malformed)
		if got != (device.Pin{}) {
			t.Errorf("%s: a pin beside the error", name)
		}
	}
}

// What is printed by accident is short and names things; it is not their bytes.
func TestPublicThingsPrintTheirNames(t *testing.T) {
	s := newScene(t)
	l := s.log()
	roster, err := device.NewRoster(device.Hash{}, 0, l)
	if err != nil {
		t.Fatal(err)
	}
	r := l.Active()[0]
	for have, want := range map[string]string{
		l.String():      `device log of "alice", `,
		r.String():      "device " + r.ID().String() + ", record " + r.Cert().String(),
		roster.String(): "roster of 1 users, ",
	} {
		if !strings.HasPrefix(have, want) {
			t.Errorf("%q, want %q", have, want)
		}
	}
}
