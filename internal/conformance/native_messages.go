package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/session"
)

// nativeMessages are messages of one chain in the session of the file, from its start.
type nativeMessages struct {
	Chain    octets   `json:"chain_id"`
	PRK      octets   `json:"prk"`
	Keys     []octets `json:"keys_mk_nk"`
	Messages []octets `json:"cose_encrypt0"`
	Clone    octets   `json:"clone_of_1"` // another text in the place of the second one, with the same randomness
	R        string   `json:"r"`          // how the random part of each IV is made

	SizeOfSeven int `json:"size_bytes_7_byte_body"`
	SizeOf1024  int `json:"size_bytes_1024_byte_body"`
}

// cloned is the message in whose place the clone stands.
const cloned = 1

func (n *nativeFile) runMessages(s *suite, section []byte) error {
	var v nativeMessages
	if err := decode(section, &v); err != nil {
		return err
	}
	if len(v.Messages) == 0 || len(v.Messages) != len(v.Keys) {
		return fmt.Errorf("%d messages with %d keys", len(v.Messages), len(v.Keys))
	}
	c, err := n.newMessageChain(&v)
	if err != nil {
		return err
	}
	for i, b := range v.Messages {
		s.check(fmt.Sprintf("message %d", i), func() (string, error) { return "", c.check(i, b) })
	}
	s.check("message of the clone", func() (string, error) { return "", c.check(cloned, v.Clone) })
	s.check("messages: sizes", func() (string, error) { return "", c.checkSizes() })
	s.check("messages: read", func() (string, error) { return "", c.checkRead() })
	return nil
}

// messageChain is a chain of messages, and what they are made from.
type messageChain struct {
	*nativeMessages
	file      *nativeFile
	statement []byte
	form      statementForm
	id        []byte // of the session
	prk       []byte
}

func (n *nativeFile) newMessageChain(v *nativeMessages) (*messageChain, error) {
	c := &messageChain{nativeMessages: v, file: n, statement: n.session.Statement}
	kid, err := readForm(c.statement, &c.form)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	if _, c.id, err = c.form.sessionID(kid); err != nil {
		return nil, err
	}
	c.prk, err = message.PRK(hashFrom(c.id), c.form.Secret)
	return c, err
}

// check opens the message in place i, makes it anew from what it says, and compares its keys.
func (c *messageChain) check(i int, b []byte) error {
	at, err := placeOf(c.id, c.Chain, uint64(i))
	if err != nil {
		return err
	}
	keys, err := messageKeys(c.prk, at)
	if err != nil {
		return err
	}
	parsed, err := message.Parse(b)
	if err != nil {
		return err
	}
	content, err := parsed.Open(at.Session, c.prk)
	if err != nil {
		return err
	}
	var f contentForm
	sender, err := readForm(content, &f)
	if err != nil {
		return err
	}
	again, err := c.seal(f, sender, at)
	return errors.Join(err,
		equal("PRK", c.prk, c.PRK),
		equal("keys", keys, c.Keys[i]),
		equal("message made anew", again, b))
}

// seal makes a message of the device with that record.
func (c *messageChain) seal(f contentForm, sender []byte, at message.Place) ([]byte, error) {
	d, err := c.file.withCert(sender)
	if err != nil {
		return nil, err
	}
	f.at, f.sender = at, d.Cert
	content, err := signForm(d.Seed, d.Cert, f)
	if err != nil {
		return nil, err
	}
	r, err := c.random(at.Counter)
	if err != nil {
		return nil, err
	}
	return message.Seal(nil, &at, c.prk, r, content)
}

// formula is how a file says what the random part of an IV is.
var formula = regexp.MustCompile(`^SHA-256\("([^"]*)"\+i\)$`)

// random is the random part of the IV in place i.
func (c *messageChain) random(i uint64) ([]byte, error) {
	m := formula.FindStringSubmatch(c.R)
	if m == nil {
		return nil, errors.New("r is of another form")
	}
	return hashOf([]byte(m[1] + strconv.FormatUint(i, 10))), nil
}

// checkSizes holds the sizes against a message whose body has seven bytes, as they all have, and one of 1,024 bytes in the
// last place of the chain.
func (c *messageChain) checkSizes() error {
	at, err := placeOf(c.id, c.Chain, c.form.MaxMessages-1)
	if err != nil {
		return err
	}
	parsed, err := message.Parse(c.Messages[0])
	if err != nil {
		return err
	}
	first := at
	first.Counter = 0
	content, err := parsed.Open(first.Session, c.prk)
	if err != nil {
		return err
	}
	var f contentForm
	sender, err := readForm(content, &f)
	if err != nil {
		return err
	}
	err = same("size of the body", len(f.Body), 7)
	f.Body = make([]byte, 1024)
	long, err1 := c.seal(f, sender, at)
	return errors.Join(err, err1,
		same("size of a message with 7 bytes", len(c.Messages[0]), c.SizeOfSeven),
		same("size of a message with 1,024 bytes", len(long), c.SizeOf1024))
}

// checkRead has package session open every message, with the logs as they were when the session was made.
func (c *messageChain) checkRead() error {
	logs, err := c.file.logsAt(c.form.Heads)
	if err != nil {
		return err
	}
	s, err := session.Resume(c.statement, logs)
	if err != nil {
		return err
	}
	defer s.Destroy()
	read := func(i int, b []byte) (hash any, err error) {
		o, err := s.Open(b, logs)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		return o.Hash, errors.Join(
			equal("session", o.Session[:], c.id),
			equal("chain", o.Place.Chain[:], c.Chain),
			same("counter", o.Place.Counter, uint64(i)))
	}
	all := map[any]bool{}
	for i, b := range c.Messages {
		hash, err := read(i, b)
		if err != nil {
			return err
		}
		all[hash] = true
	}
	hash, err := read(cloned, c.Clone)
	return errors.Join(err,
		same("number of different messages", len(all), len(c.Messages)),
		same("whether the clone says the same", all[hash], false))
}

// runPadding holds a table of lengths, which a file writes as text, against the padded ones.
func (n *nativeFile) runPadding(s *suite, section []byte) error {
	var table map[int]int
	if err := json.Unmarshal(section, &table); err != nil {
		return err
	}
	if len(table) == 0 {
		return errors.New("no lengths")
	}
	s.check("padded lengths", func() (_ string, err error) {
		for n, padded := range table {
			err = errors.Join(err, samePadded(n, padded))
		}
		return "", err
	})
	return nil
}
