package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/fingerprint"
	"github.com/sottokit/sotto/safetynumber"
)

// signalNumber is the number of two users of Signal, from both sides.
type signalNumber struct {
	Version    uint32 `json:"version"`
	Iterations int    `json:"iterations"`

	AliceID        octets `json:"alice_id_hex"`
	AliceKey       octets `json:"alice_identity_key_hex"` // 33 bytes, with the byte of its type
	AliceSum       octets `json:"alice_fingerprint_full_sha512_hex"`
	AliceDigits    string `json:"alice_digits30"`
	AliceScannable octets `json:"alice_scannable_hex"`

	BobID        octets `json:"bob_id_hex"`
	BobKey       octets `json:"bob_identity_key_hex"`
	BobSum       octets `json:"bob_fingerprint_full_sha512_hex"`
	BobDigits    string `json:"bob_digits30"`
	BobScannable octets `json:"bob_scannable_hex"`

	Displayable string `json:"displayable60"`
}

// signalFingerprints drives safety numbers of Signal: what both sides show and scan, and what is no match.
func signalFingerprints(s *suite, file []byte) error {
	var form struct {
		Vectors  []json.RawMessage `json:"vectors"`
		Negative []json.RawMessage `json:"negative"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	if len(form.Vectors) == 0 || len(form.Negative) == 0 {
		return errors.New("no vectors, or none that is negative")
	}
	s.checkEach("vector", form.Vectors, func(object []byte) (string, error) {
		var v signalNumber
		if err := decode(object, &v); err != nil {
			return "", err
		}
		return "", v.check()
	})
	s.checkEach("negative", form.Negative, func(object []byte) (string, error) {
		var kind struct{ Serialized json.RawMessage }
		if err := json.Unmarshal(object, &kind); err != nil {
			return "", err
		}
		if kind.Serialized != nil {
			return "", checkEncoding(object)
		}
		return checkScan(object)
	})
	return nil
}

// maxRounds is the limit of libsignal.
const maxRounds = 1_000_000

func (v *signalNumber) check() error {
	if v.Iterations < 2 || v.Iterations > maxRounds {
		return fmt.Errorf("%d iterations", v.Iterations)
	}
	alice, err1 := v.sum(v.AliceKey, v.AliceID)
	bob, err2 := v.sum(v.BobKey, v.BobID)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	ours, err1 := v.number(v.AliceKey, v.AliceID, alice, v.BobKey, v.BobID, bob)
	theirs, err2 := v.number(v.BobKey, v.BobID, bob, v.AliceKey, v.AliceID, alice)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	there, err1 := ours.Compare(v.BobScannable)
	back, err2 := theirs.Compare(v.AliceScannable)
	own, err3 := ours.Compare(v.AliceScannable)
	return errors.Join(err1, err2, err3,
		equal("Alice's fingerprint", alice[:], v.AliceSum),
		equal("Bob's fingerprint", bob[:], v.BobSum),
		same("Alice's digits", alice.Digits(), v.AliceDigits),
		same("Bob's digits", bob.Digits(), v.BobDigits),
		same("digits that Alice sees", ours.Digits(), v.Displayable),
		same("digits that Bob sees", theirs.Digits(), v.Displayable),
		equal("Alice's code", ours.Scannable(), v.AliceScannable),
		equal("Bob's code", theirs.Scannable(), v.BobScannable),
		same("outcome of Alice's scan", there, safetynumber.Match),
		same("outcome of Bob's scan", back, safetynumber.Match),
		same("outcome of the own code", own, safetynumber.OwnCode))
}

func (v *signalNumber) sum(key, id []byte) (fingerprint.Sum, error) {
	if len(key) != 33 || key[0] != fingerprint.Signal {
		return fingerprint.Sum{}, errors.New("identity key of another type or length")
	}
	return fingerprint.Iterate(v.Iterations, fingerprint.Signal, [32]byte(key[1:]), id), nil
}

// number makes a number through the public API, which has one count of iterations.
func (v *signalNumber) number(
	myKey, myID []byte, mine fingerprint.Sum, peerKey, peerID []byte, peers fingerprint.Sum,
) (*safetynumber.Number, error) {
	if v.Iterations != fingerprint.Rounds {
		return safetynumber.FromSums(v.Version, mine, peers)
	}
	return safetynumber.Signal(int(v.Version), [32]byte(myKey[1:]), myID, [32]byte(peerKey[1:]), peerID)
}

// checkEncoding compares what a code carries of two fingerprints.
func checkEncoding(object []byte) error {
	var v struct {
		Version    uint32 `json:"version"`
		Local      octets `json:"local"`
		Remote     octets `json:"remote"`
		Serialized octets `json:"serialized"`
	}
	if err := decode(object, &v); err != nil {
		return err
	}
	n, err := numberOf(v.Version, v.Local, v.Remote)
	if err != nil {
		return err
	}
	return equal("code", n.Scannable(), v.Serialized)
}

// numberOf is a number of which only that much is known of each fingerprint as is scanned.
func numberOf(version uint32, local, remote []byte) (*safetynumber.Number, error) {
	var mine, peers fingerprint.Sum
	if len(local) != fingerprint.Size || len(remote) != fingerprint.Size {
		return nil, errors.New("fingerprint of another length")
	}
	copy(mine[:], local)
	copy(peers[:], remote)
	return safetynumber.FromSums(version, mine, peers)
}

// checkScan scans a code that is no match. The file tells in words what must come of it.
func checkScan(object []byte) (string, error) {
	var v struct {
		Ours   octets `json:"ours"`
		Theirs octets `json:"theirs"`
		Expect string `json:"expect"`
	}
	if err := decode(object, &v); err != nil {
		return "", err
	}
	const local, remote = 6, 6 + fingerprint.Size + 4 // where the fingerprints stand in the one form that is written
	if len(v.Ours) != remote+fingerprint.Size {
		return "", fmt.Errorf("own code of %d bytes", len(v.Ours))
	}
	n, err := numberOf(uint32(v.Ours[1]), v.Ours[local:local+fingerprint.Size], v.Ours[remote:])
	if err != nil {
		return "", err
	}
	if err := equal("own code", n.Scannable(), v.Ours); err != nil {
		return "", err
	}
	outcome, err := n.Compare(v.Theirs)
	switch {
	case strings.HasPrefix(v.Expect, "version mismatch"):
		return refusedAs(fault.UnsupportedVersion.Name(), err)
	case v.Expect == "parse error":
		return refusedAs(fault.Malformed.Name(), err)
	case v.Expect == "false" && err == nil && outcome != safetynumber.Match:
		return outcome.String(), nil
	}
	return "", fmt.Errorf("outcome is %v, error %v, want %q", outcome, err, v.Expect)
}
