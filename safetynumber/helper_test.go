package safetynumber_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/safetynumber"
)

var wantFault = faulttest.Want

// device is a device with an ID and a key of its own.
func device(name string) safetynumber.Device {
	id, key := sha256.Sum256([]byte(name+" id")), sha256.Sum256([]byte(name+" key"))
	return safetynumber.Device{ID: [16]byte(id[:]), Signing: key}
}

// party is a user with n devices.
func party(user string, n int) safetynumber.Party {
	p := safetynumber.Party{User: user, Root: sha256.Sum256([]byte(user + " root"))}
	for i := range n {
		p.Devices = append(p.Devices, device(fmt.Sprint(user, i)))
	}
	return p
}

func alice() safetynumber.Party { return party("alice", 2) }
func bob() safetynumber.Party   { return party("bob", 3) }

func number(t testing.TB, me, peer safetynumber.Party) *safetynumber.Number {
	t.Helper()
	n, err := safetynumber.New(me, peer)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// changes are ways in which another party differs from bob.
var changes = map[string]func(p *safetynumber.Party){
	"user":              func(p *safetynumber.Party) { p.User = "bobb" },
	"root":              func(p *safetynumber.Party) { p.Root[31] ^= 1 },
	"device missing":    func(p *safetynumber.Party) { p.Devices = p.Devices[:2] },
	"device added":      func(p *safetynumber.Party) { p.Devices = append(p.Devices, device("ghost")) },
	"device ID":         func(p *safetynumber.Party) { p.Devices[0].ID[0] ^= 1 },
	"device key":        func(p *safetynumber.Party) { p.Devices[2].Signing[31] ^= 1 },
	"keys of two mixed": func(p *safetynumber.Party) { d := p.Devices; d[0].Signing, d[1].Signing = d[1].Signing, d[0].Signing },
	"no device":         func(p *safetynumber.Party) { p.Devices = nil },
}

// unfit are parties that break a precondition.
var unfit = map[string]func(p *safetynumber.Party){
	"no user ID":          func(p *safetynumber.Party) { p.User = "" },
	"user ID of 129":      func(p *safetynumber.Party) { p.User = fmt.Sprintf("%0129d", 0) },
	"user ID with a zero": func(p *safetynumber.Party) { p.User = "bob\x00" },
	"user ID of no UTF-8": func(p *safetynumber.Party) { p.User = "bob\xff" },
	"device ID twice":     func(p *safetynumber.Party) { p.Devices[0].ID = p.Devices[2].ID },
	"key twice":           func(p *safetynumber.Party) { p.Devices[0].Signing = p.Devices[2].Signing },
}
