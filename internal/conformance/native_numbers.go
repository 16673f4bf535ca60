package conformance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto/internal/fingerprint"
	"github.com/sottokit/sotto/safetynumber"
)

// nativeNumbers are the safety numbers of the two users of the session, with the devices that they had then, and of the
// group of both.
type nativeNumbers struct {
	AliceDigest    octets `json:"alice_keyset_digest"`
	AliceDigits    string `json:"alice_digits"`
	AliceScannable octets `json:"alice_scannable_v101"`

	BobDigest    octets `json:"bob_keyset_digest"`
	BobDigits    string `json:"bob_digits"`
	BobScannable octets `json:"bob_scannable_v101"`

	Display    string `json:"display"`
	GroupShort string `json:"group_short"`
}

func (n *nativeFile) runNumbers(s *suite, section []byte) error {
	var v nativeNumbers
	if err := decode(section, &v); err != nil {
		return err
	}
	alice, bob, err := n.twoParties()
	if err != nil {
		return err
	}
	s.check("safety number: identities", func() (string, error) { return "", v.checkDigests(alice, bob) })
	s.check("safety number: two users", func() (string, error) { return "", v.checkNumber(alice, bob) })
	s.check("safety number: group", func() (string, error) {
		if n.groupID == nil {
			return "", errors.New("the file has no group")
		}
		g, err := safetynumber.Group(hashFrom(n.groupID), []safetynumber.Party{alice, bob})
		if err != nil {
			return "", err
		}
		return "", errors.Join(
			same("digits of the members", strings.Join(g.Members(), ""), v.Display),
			same("short form", g.Short(), v.GroupShort))
	})
	return nil
}

// twoParties are the users of the session, in the order of its heads.
func (n *nativeFile) twoParties() (alice, bob safetynumber.Party, err error) {
	var f statementForm
	if _, err := readForm(n.session.Statement, &f); err != nil {
		return alice, bob, err
	}
	logs, err := n.logsAt(f.Heads)
	if err == nil && len(f.Heads) != 2 {
		err = fmt.Errorf("session of %d users", len(f.Heads))
	}
	if err != nil {
		return alice, bob, err
	}
	return partyOf(logs[f.Heads[0].User]), partyOf(logs[f.Heads[1].User]), nil
}

// checkDigests makes the fingerprints anew from the digests in the file, which are made anew, too.
func (v *nativeNumbers) checkDigests(alice, bob safetynumber.Party) error {
	var sums [2]fingerprint.Sum
	for i, p := range []safetynumber.Party{alice, bob} {
		f := formOf(p)
		digest, err := f.digest()
		if err != nil {
			return err
		}
		if err := equal("digest of "+p.User, digest[:], [2]octets{v.AliceDigest, v.BobDigest}[i]); err != nil {
			return err
		}
		sums[i] = fingerprint.Iterate(fingerprint.Rounds, fingerprint.Sotto, digest, []byte(p.User))
	}
	return errors.Join(
		same("digits of "+alice.User, sums[0].Digits(), v.AliceDigits),
		same("digits of "+bob.User, sums[1].Digits(), v.BobDigits))
}

// formOf is a party as a file has it.
func formOf(p safetynumber.Party) *partyForm {
	f := &partyForm{User: p.User, Root: p.Root[:]}
	for _, d := range p.Devices {
		f.Devices = append(f.Devices, partyDevice{ID: d.ID[:], Ed25519: d.Signing[:]})
	}
	return f
}

func (v *nativeNumbers) checkNumber(alice, bob safetynumber.Party) error {
	ours, err1 := safetynumber.New(alice, bob)
	theirs, err2 := safetynumber.New(bob, alice)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	outcome, err := ours.Compare(v.BobScannable)
	return errors.Join(err,
		same("outcome of a scan", outcome, safetynumber.Match),
		same("digits", ours.Digits(), v.Display),
		same("digits of the other side", theirs.Digits(), v.Display),
		equal("code", ours.Scannable(), v.AliceScannable),
		equal("code of the other side", theirs.Scannable(), v.BobScannable))
}
