package conformance

import (
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// linkScene is two devices of a user of which one joins, and all that is random in it.
type linkScene struct {
	Mode      string `json:"mode"` // qr, code
	User      string `json:"user"`
	OldRecord octets `json:"old_record"`
	History   int32  `json:"history"`
	Vault     octets `json:"vault,omitempty"`

	Rendezvous octets `json:"rendezvous"`
	Passphrase octets `json:"passphrase,omitempty"` // with a QR code
	Nameplate  string `json:"nameplate,omitempty"`  // with a code
	Secret     string `json:"secret,omitempty"`
	Opening    octets `json:"ro,omitempty"`
	OldPrivate octets `json:"old_private"` // X25519, or a scalar of CPace
	NewPrivate octets `json:"new_private"`

	Keys    octets   `json:"keys"`    // what the new device stores
	Entries []octets `json:"entries"` // of the user's log, and whatever else is called one
	Nonce   octets   `json:"nonce"`
	Ticket  octets   `json:"ticket,omitempty"`
	Now     int64    `json:"now"`
}

// linkMessages are what the devices show and send, by name. What the mode does not have is nil.
type linkMessages struct {
	QR           octets `json:"qr,omitempty"`
	Code         string `json:"code,omitempty"`
	C1           octets `json:"c1,omitempty"`
	C2           octets `json:"c2,omitempty"`
	M1           octets `json:"m1,omitempty"`
	M2           octets `json:"m2"`
	M3           octets `json:"m3"`
	M4           octets `json:"m4"`
	M5           octets `json:"m5"`
	M7           octets `json:"m7"`
	M8           octets `json:"m8"`
	Registration octets `json:"registration"`
}

// named returns the message of a name, nil when there is none.
func (m *linkMessages) named(name string) *octets {
	return map[string]*octets{
		"qr": &m.QR, "c1": &m.C1, "c2": &m.C2, "m1": &m.M1, "m2": &m.M2, "m3": &m.M3, "m4": &m.M4, "m5": &m.M5, "m7": &m.M7,
		"m8": &m.M8,
	}[name]
}

// answer is the first message of the new device.
func (s *linkScene) answer(m *linkMessages) octets {
	if s.byCode() {
		return m.C2
	}
	return m.M1
}

func (s *linkScene) byCode() bool { return s.Mode == "code" }

// check finds what is not of the form: a mode that is none, and bytes of another length.
func (s *linkScene) check() error {
	random := s.Passphrase
	if s.byCode() {
		random = s.Opening
	}
	if s.Mode != "qr" && s.Mode != "code" || len(s.Rendezvous) != 16 || len(s.Nonce) != 32 || len(random) != 32 {
		return fmt.Errorf("mode %q; rendezvous of %d bytes, nonce of %d, passphrase or opening of %d",
			s.Mode, len(s.Rendezvous), len(s.Nonce), len(random))
	}
	return nil
}

func (s *linkScene) choice() link.Choice {
	return link.Choice{History: link.History(s.History), Vault: s.Vault}
}

// log are the entries of those numbers, verified.
func (s *linkScene) log(numbers []int) (*device.Log, error) {
	var entries [][]byte
	for _, i := range numbers {
		b, err := s.entry(i)
		if err != nil {
			return nil, err
		}
		entries = append(entries, b)
	}
	l, err := device.Verify(s.User, entries)
	if err != nil {
		return nil, fmt.Errorf("log: %v", err) // no refusal of a message
	}
	return l, nil
}

func (s *linkScene) entry(i int) ([]byte, error) {
	if i < 0 || i >= len(s.Entries) {
		return nil, fmt.Errorf("no log entry %d", i)
	}
	return s.Entries[i], nil
}

// offer begins the old device's side. show is the QR code or C1.
func (s *linkScene) offer(now time.Time) (o *link.Old, show []byte, err error) {
	me, err := device.ParseRecord(s.User, s.OldRecord)
	if err != nil {
		return nil, nil, fmt.Errorf("record: %v", err)
	}
	seed := &linking.OldSeed{Rendezvous: [16]byte(s.Rendezvous)}
	if !s.byCode() {
		seed.Passphrase = [32]byte(s.Passphrase)
		if seed.Key, err = ecdh.NewPrivateKey(s.OldPrivate); err != nil {
			return nil, nil, fmt.Errorf("key: %v", err)
		}
		if o, err = link.OfferFrom(seed, me, s.choice(), now); err != nil {
			return nil, nil, err
		}
		return o, o.QR(), nil
	}
	seed.Secret, seed.Opening = s.Secret, [32]byte(s.Opening)
	if seed.Scalar, err = cpace.ScalarFrom(s.OldPrivate); err != nil {
		return nil, nil, fmt.Errorf("scalar: %v", err)
	}
	if o, err = link.OfferCodeFrom(seed, s.Nameplate, me, s.choice(), now); err != nil {
		return nil, nil, err
	}
	return o, o.First(), nil
}

// newSeed is what is random in the new device's side.
func (s *linkScene) newSeed() (seed *linking.NewSeed, err error) {
	seed = &linking.NewSeed{}
	if s.byCode() {
		seed.Scalar, err = cpace.ScalarFrom(s.NewPrivate)
	} else {
		seed.Key, err = ecdh.NewPrivateKey(s.NewPrivate)
	}
	if err != nil {
		return nil, fmt.Errorf("key: %v", err)
	}
	return seed, nil
}

// join says that the person wants to join, with the keys of the file. Where what was shown names another user, who has
// none there, the device draws its keys.
func (s *linkScene) join(n *link.New, now time.Time) ([]byte, error) {
	keys, err := device.ParseKeys(s.Keys)
	if err != nil {
		return nil, fmt.Errorf("keys: %v", err)
	}
	if user := n.User(); user != "" && user != keys.Record().User() {
		keys.Destroy()
		return n.Join(device.Classical, now)
	}
	return n.JoinAs(keys, now)
}
