package conformance

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"slices"
	"strings"

	"github.com/sottokit/sotto/internal/fingerprint"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/safetynumber"
)

// sottoNumberKinds are the kinds of cases about safety numbers. The map is written nowhere.
var sottoNumberKinds = sottoKinds{
	"number":         sottoForm[sottoNumber],
	"scan":           sottoForm[sottoScan],
	"group":          sottoForm[sottoGroupNumber],
	"number_of_logs": sottoForm[sottoNumberOfLogs],
	"sas":            sottoForm[sottoSAS],
}

// partyForm is a user with the active devices, written in a file.
type partyForm struct {
	User    string        `json:"user"`
	Root    octets        `json:"root"`
	Devices []partyDevice `json:"devices"`
}

type partyDevice struct {
	_       struct{} `cbor:",toarray"`
	ID      octets   `json:"device_id"`
	Ed25519 octets   `json:"ed25519"`
}

// party is what the file says, as the public API takes it.
func (p *partyForm) party() (safetynumber.Party, error) {
	party := safetynumber.Party{User: p.User, Root: hashFrom(p.Root)}
	for _, d := range p.Devices {
		if len(d.ID) != 16 || len(d.Ed25519) != 32 {
			return party, errors.New("a device with an ID or a key of another length")
		}
		party.Devices = append(party.Devices, safetynumber.Device{ID: [16]byte(d.ID), Signing: [32]byte(d.Ed25519)})
	}
	if len(p.Root) != 32 {
		return party, errors.New("root of another length")
	}
	return party, nil
}

// parties are those of two forms.
func parties(a, b *partyForm) (x, y safetynumber.Party, err error) {
	x, err1 := a.party()
	y, err2 := b.party()
	return x, y, errors.Join(err1, err2)
}

// digestForm is what an identity is hashed as.
type digestForm struct {
	_       struct{} `cbor:",toarray"`
	Label   string
	User    string
	Root    []byte
	Devices []partyDevice
}

// digest is D(user).
func (p *partyForm) digest() ([32]byte, error) {
	devices := slices.SortedFunc(slices.Values(p.Devices), func(a, b partyDevice) int { return bytes.Compare(a.ID, b.ID) })
	b, err := wire.Marshal(digestForm{Label: wire.LabelSafetyNumber, User: p.User, Root: p.Root, Devices: devices})
	return [32]byte(hashOf(b)), err
}

// fingerprint is F(user).
func (p *partyForm) fingerprint() (fingerprint.Sum, error) {
	digest, err := p.digest()
	return fingerprint.Iterate(fingerprint.Rounds, fingerprint.Sotto, digest, []byte(p.User)), err
}

// sottoNumber is the number of two users.
type sottoNumber struct {
	Inputs struct {
		Me   partyForm `json:"me"`
		Peer partyForm `json:"peer"`
	} `json:"inputs"`
	Outputs struct {
		Digits    string `json:"digits"`
		Scannable octets `json:"scannable"`
		Peers     octets `json:"peers_scannable"`
	} `json:"outputs"`
}

func (c *sottoNumber) read() error {
	me, peer, err := parties(&c.Inputs.Me, &c.Inputs.Peer)
	if err != nil {
		return err
	}
	n, err := safetynumber.New(me, peer)
	if err != nil {
		return err
	}
	outcome, err := n.Compare(c.Outputs.Peers)
	return errors.Join(err,
		same("outcome of a scan", outcome, safetynumber.Match),
		same("digits", n.Digits(), c.Outputs.Digits),
		equal("code", n.Scannable(), c.Outputs.Scannable))
}

// write makes the number anew from the form of what is hashed.
func (c *sottoNumber) write() error {
	mine, err1 := c.Inputs.Me.fingerprint()
	peers, err2 := c.Inputs.Peer.fingerprint()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	n, err := safetynumber.FromSums(safetynumber.Version, mine, peers)
	if err != nil {
		return err
	}
	theirs, err := safetynumber.FromSums(safetynumber.Version, peers, mine)
	return errors.Join(err,
		same("digits made anew", n.Digits(), c.Outputs.Digits),
		equal("code made anew", n.Scannable(), c.Outputs.Scannable),
		equal("code of the other side made anew", theirs.Scannable(), c.Outputs.Peers))
}

// sottoScan is a code that one of two users scans.
type sottoScan struct {
	Inputs struct {
		Me      partyForm `json:"me"`
		Peer    partyForm `json:"peer"`
		Scanned octets    `json:"scanned"`
	} `json:"inputs"`
	Outputs struct {
		Outcome string `json:"outcome"`
	} `json:"outputs"`
}

func (c *sottoScan) read() error {
	me, peer, err := parties(&c.Inputs.Me, &c.Inputs.Peer)
	if err != nil {
		return err
	}
	n, err := safetynumber.New(me, peer)
	if err != nil {
		return err
	}
	outcome, err := n.Compare(c.Inputs.Scanned)
	if err != nil {
		return err
	}
	return same("outcome", outcome.String(), c.Outputs.Outcome)
}

// write has nothing to make: codes are made in the cases of numbers.
func (c *sottoScan) write() error { return nil }

// sottoGroupNumber is the number of a group.
type sottoGroupNumber struct {
	Inputs struct {
		GroupID octets      `json:"group_id"`
		Members []partyForm `json:"members"`
	} `json:"inputs"`
	Outputs struct {
		Members []string `json:"members"`
		Short   string   `json:"short"`
	} `json:"outputs"`
}

func (c *sottoGroupNumber) read() error {
	var members []safetynumber.Party
	for i := range c.Inputs.Members {
		m, err := c.Inputs.Members[i].party()
		if err != nil {
			return err
		}
		members = append(members, m)
	}
	g, err := safetynumber.Group(hashFrom(c.Inputs.GroupID), members)
	if err != nil {
		return err
	}
	return errors.Join(
		same("digits of the members", strings.Join(g.Members(), " "), strings.Join(c.Outputs.Members, " ")),
		same("short form", g.Short(), c.Outputs.Short))
}

// groupForm is what the short form is hashed as.
type groupForm struct {
	_       struct{} `cbor:",toarray"`
	Label   string
	GroupID []byte
	Members [][]byte
}

func (c *sottoGroupNumber) write() error {
	f := groupForm{Label: wire.LabelSafetyNumberGroup, GroupID: c.Inputs.GroupID}
	for i := range c.Inputs.Members {
		sum, err := c.Inputs.Members[i].fingerprint()
		if err != nil {
			return err
		}
		f.Members = append(f.Members, sum[:fingerprint.Size])
	}
	slices.SortFunc(f.Members, bytes.Compare)
	b, err := wire.Marshal(f)
	if err != nil {
		return err
	}
	short := fingerprint.Sum(sha512.Sum512(b))
	return same("short form made anew", short.Digits(), c.Outputs.Short)
}
