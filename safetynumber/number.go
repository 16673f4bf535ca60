package safetynumber

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/fingerprint"
)

// Version is that of sotto's own numbers, in what is scanned. Signal's are 1 and 2.
const Version = 101

// MaxSignalID bounds an ID in Signal, in bytes.
const MaxSignalID = 1_024

// Number is what two people compare. It is immutable. The zero value and nil have no digits, and scan as nothing.
type Number struct {
	_             [0]func()
	version       uint32
	local, remote [fingerprint.Size]byte
	digits        string
}

// New returns the number of two users; both of them see the same digits. It costs 10,400 SHA-512, on two cores where there
// are two. A Party that breaks a precondition, and a party with itself, are fault.Misuse, too many devices fault.OverLimit.
func New(me, peer Party) (*Number, error) {
	sums, err := sumsOf([]Party{me, peer})
	if err != nil {
		return nil, err
	}
	return FromSums(Version, sums[0], sums[1])
}

// Signal returns the number that Signal's apps show, from the Curve25519 identity keys without the type byte. In version 1
// an ID is the phone number as E.164 text, in version 2 (all apps now) the 16 bytes of the account's UUID; the digits depend
// on the ID alone, not on the version. Another version, an ID that is empty or over MaxSignalID bytes, and a party with
// itself are fault.Misuse.
func Signal(version int, myKey [32]byte, myID []byte, peerKey [32]byte, peerID []byte) (*Number, error) {
	if version != 1 && version != 2 {
		return nil, fmt.Errorf("safetynumber: version %d of Signal: %w", version, fault.Misuse)
	}
	keys, ids := [2][32]byte{myKey, peerKey}, [2][]byte{myID, peerID}
	for _, id := range ids {
		if len(id) == 0 || len(id) > MaxSignalID {
			return nil, fmt.Errorf("safetynumber: ID of %d bytes: %w", len(id), fault.Misuse)
		}
	}
	var sums [2]fingerprint.Sum
	inParallel(len(sums), func(i int) {
		sums[i] = fingerprint.Iterate(fingerprint.Rounds, fingerprint.Signal, keys[i], ids[i])
	})
	return FromSums(uint32(version), sums[0], sums[1])
}

// FromSums returns the number of two fingerprints. Nobody outside sotto has one: it is for numbers of New and Signal, and
// for test vectors of other counts of rounds. Two that are the same are fault.Misuse.
func FromSums(version uint32, mine, peers fingerprint.Sum) (*Number, error) {
	if mine == peers {
		return nil, fmt.Errorf("safetynumber: a party with itself: %w", fault.Misuse)
	}
	n := &Number{version: version}
	copy(n.local[:], mine[:])
	copy(n.remote[:], peers[:])
	a, b := mine.Digits(), peers.Digits()
	n.digits = min(a, b) + max(a, b) // so that both sides read the same
	return n, nil
}

// Digits returns the 60 digits.
func (n *Number) Digits() string {
	if n == nil {
		return ""
	}
	return n.digits
}

// String returns the digits in groups of five.
func (n *Number) String() string { return grouped(n.Digits()) }

// grouped puts a space behind every five digits but the last.
func grouped(digits string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 5 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i:min(i+5, len(digits))])
	}
	return b.String()
}

// sumsOf returns the fingerprints of parties.
func sumsOf(parties []Party) ([]fingerprint.Sum, error) {
	digests := make([][32]byte, len(parties))
	for i, p := range parties {
		d, err := p.digest()
		if err != nil {
			return nil, err
		}
		digests[i] = d
	}
	sums := make([]fingerprint.Sum, len(parties))
	inParallel(len(parties), func(i int) {
		sums[i] = fingerprint.Iterate(fingerprint.Rounds, fingerprint.Sotto, digests[i], []byte(parties[i].User))
	})
	return sums, nil
}

// inParallel calls f for 0 to n-1, on all cores.
func inParallel(n int, f func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	workers.Wait()
}
