package coseimpl

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Envelope is a COSE_Encrypt to be written (RFC 9052 §5.1).
type Envelope struct {
	Tagged      bool
	Alg         int64
	Protected   []byte // serialized protected header, names Alg
	Unprotected []byte // encoded map, carries IV
	IV          []byte
	CEK         []byte // nil when the one recipient's key is the content key
	External    []byte
	To          []Recipient
}

// AppendEncrypt appends the message. dst must not overlap plaintext.
func AppendEncrypt(dst []byte, t *Table, e *Envelope, plaintext []byte) ([]byte, error) {
	content, err := t.FindContent(e.Alg)
	if err != nil {
		return nil, err
	}
	if len(e.To) == 0 || len(e.To) > MaxRecipients {
		return nil, fmt.Errorf("%d recipients: %w", len(e.To), fault.OverLimit)
	}
	if len(e.IV) != content.IVSize {
		return nil, fmt.Errorf("IV of %d bytes: %w", len(e.IV), fault.Misuse)
	}
	recipients := wire.AppendHead(nil, wire.MajorArray, uint64(len(e.To)))
	cek := e.CEK
	for i := range e.To {
		var agreed []byte
		if recipients, agreed, err = e.To[i].append(recipients, t, content, e.CEK); err != nil {
			return nil, err
		}
		if agreed == nil {
			continue
		}
		defer clear(agreed)
		if len(e.To) > 1 || e.CEK != nil { // RFC 9052 §8.5.1: a key used directly excludes other recipients
			return nil, fmt.Errorf("a direct recipient among others: %w", fault.Misuse)
		}
		cek = agreed
	}
	aead, err := content.AEAD(cek)
	if err != nil {
		return nil, err
	}
	if e.Tagged {
		dst = wire.AppendHead(dst, wire.MajorTag, TagEncrypt)
	}
	dst = wire.AppendHead(dst, wire.MajorArray, 4)
	dst = wire.AppendBytes(dst, e.Protected)
	dst = append(dst, e.Unprotected...)
	dst = appendCiphertext(dst, aead, contextEncrypt, e.Protected, e.IV, plaintext, e.External)
	return append(dst, recipients...), nil
}

// AppendEncStructure is the AAD of a COSE_Encrypt, for vectors that publish it.
func AppendEncStructure(dst, protected, external []byte) []byte {
	return appendEncStructure(dst, contextEncrypt, protected, external)
}

// Encrypt is a decoded COSE_Encrypt, not yet opened: nothing in it was verified.
type Encrypt struct {
	Buckets
	Ciphertext []byte
	recipients []received
}

// ParseEncrypt decodes a COSE_Encrypt in exactly one of its forms, tagged or not.
func ParseEncrypt(message []byte, tagged bool) (*Encrypt, error) {
	r := wire.NewReader(message)
	readStart(&r, "COSE_Encrypt", tagged, TagEncrypt, 4)
	m := &Encrypt{Buckets: readBuckets(&r)}
	m.Ciphertext = r.Bytes("ciphertext", MaxContent+maxTag)
	n := r.Array("recipients", MaxRecipients)
	if r.Err() == nil && n == 0 {
		r.Fail("recipients", "none", fault.Malformed)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		m.recipients = append(m.recipients, readRecipient(&r))
	}
	return m, r.End("COSE_Encrypt")
}

// Recipients is how many recipients the message has.
func (m *Encrypt) Recipients() int { return len(m.recipients) }

// maxTries bounds how many recipients of one kid are tried: each costs a key agreement, and a kid need not be unique.
const maxTries = 8

// Open decrypts for the recipient that o stands for. alg is the expected content algorithm; baseIV completes a Partial IV
// and is nil when none is expected. A message without a recipient of o's algorithm and kid is fault.NotForThisDevice.
func (m *Encrypt) Open(dst []byte, t *Table, alg int64, o *Opener, baseIV, external []byte) ([]byte, error) {
	cek, err := m.contentKey(t, alg, o)
	if err != nil {
		return nil, err
	}
	defer clear(cek)
	return m.openWithCEK(dst, t, alg, cek, baseIV, external)
}

func (m *Encrypt) openWithCEK(dst []byte, t *Table, alg int64, cek, baseIV, external []byte) ([]byte, error) {
	content, err := t.FindContent(alg)
	if err != nil {
		return nil, err
	}
	iv, err := m.openWith(alg, content.IVSize, baseIV)
	if err != nil {
		return nil, err
	}
	aead, err := content.AEAD(cek)
	if err != nil {
		return nil, err
	}
	return appendPlaintext(dst, aead, contextEncrypt, m.Raw, iv, m.Ciphertext, external)
}

// contentKey returns the content key for o, which the caller wipes.
func (m *Encrypt) contentKey(t *Table, alg int64, o *Opener) ([]byte, error) {
	content, err := t.FindContent(alg)
	if err != nil {
		return nil, err
	}
	how, err := t.FindRecipient(o.Alg)
	if err != nil {
		return nil, err
	}
	if !how.Wrap && len(m.recipients) > 1 {
		return nil, fmt.Errorf("a direct recipient among others: %w", fault.Malformed)
	}
	tries, err := 0, fmt.Errorf("no recipient with this kid and algorithm: %w", fault.NotForThisDevice)
	for i := range m.recipients {
		rec := &m.recipients[i]
		if !rec.isFor(o) {
			continue
		}
		if tries++; tries > maxTries {
			return nil, fmt.Errorf("recipients of one kid: %w", fault.OverLimit)
		}
		var cek []byte
		if cek, err = rec.contentKey(t, content, o); err == nil {
			return cek, nil
		}
	}
	return nil, err
}

// HasExactly reports whether the message has the one form of own messages: the given serialized protected header,
// {5: IV}, recipients without a parameter too many, and every map in deterministic order.
func (m *Encrypt) HasExactly(t *Table, message, protected []byte) bool {
	if !m.Buckets.HasExactly(protected) || !wire.Deterministic(message) {
		return false
	}
	for i := range m.recipients {
		if !m.recipients[i].hasExactly(t) {
			return false
		}
	}
	return true
}

// Recipient returns the headers and the wrapped key of a recipient, for vectors that publish what follows from them.
func (m *Encrypt) Recipient(i int) (b Buckets, wrapped []byte) {
	return m.recipients[i].Buckets, m.recipients[i].wrapped
}

// KeyIDs returns the kids of the recipients that have one.
func (m *Encrypt) KeyIDs() [][]byte {
	var ids [][]byte
	for i := range m.recipients {
		if kid, err := m.recipients[i].Buckets.Bytes(HeaderKID); err == nil && kid != nil {
			ids = append(ids, kid)
		}
	}
	return ids
}

// Algs returns the algorithm numbers of the recipients, 0 where there is none.
func (m *Encrypt) Algs() []int64 {
	algs := make([]int64, len(m.recipients))
	for i := range m.recipients {
		algs[i], _ = m.recipients[i].algorithm()
	}
	return algs
}
