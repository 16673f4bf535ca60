package conformance

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// exampleEncrypt is a COSE_Encrypt.
type exampleEncrypt struct {
	*example
	m       *exampleMessage
	content *coseimpl.ContentAlgorithm
	to      []exampleParty
	baseIV  []byte
	parsed  *coseimpl.Encrypt
}

// exampleParty is a recipient with all that it knows beforehand.
type exampleParty struct {
	*exampleRecipient
	alg    *coseimpl.RecipientAlgorithm
	opener coseimpl.Opener
}

func newExampleEncrypt(e *example, m *exampleMessage) (structure, error) {
	x := &exampleEncrypt{example: e, m: m, parsed: &coseimpl.Encrypt{}}
	alg, err := algorithm(m.Protected, m.Unprotected)
	if err != nil {
		return nil, err
	}
	if x.content, err = contentNamed(alg); err != nil {
		return nil, err
	}
	if x.baseIV, err = m.baseIV(); err != nil {
		return nil, err
	}
	for i := range m.Recipients {
		party, err := m.Recipients[i].party()
		if err != nil {
			return nil, fmt.Errorf("recipient %d: %w", i, err)
		}
		x.to = append(x.to, *party)
	}
	if len(x.to) == 0 {
		return nil, errors.New("recipients are missing")
	}
	return x, nil
}

// party reads the expectations of a recipient.
func (r *exampleRecipient) party() (*exampleParty, error) {
	if r.Nested != nil {
		return nil, skip("recipients of recipients are not in sotto")
	}
	name, err := algorithm(r.Protected, r.Unprotected)
	if err != nil {
		return nil, err
	}
	id, ok := number(name)
	if !ok {
		return nil, notOurs(name)
	}
	p := &exampleParty{exampleRecipient: r}
	if p.alg, err = wide.FindRecipient(id); err != nil {
		return nil, err
	}
	p.opener.Alg = id
	for _, h := range []params{r.Protected, r.Unprotected} {
		kid, err := h.octets("kid", raw)
		if err != nil {
			return nil, err
		}
		if kid != nil {
			p.opener.KeyID = kid
		}
	}
	if p.opener.KDF, err = r.expectedKDF(); err != nil {
		return nil, err
	}
	if p.alg.Source == coseimpl.FromKey {
		p.opener.Key, err = r.Key.symmetric()
		return p, err
	}
	if p.opener.Mine, err = r.Key.agreer(r.compressed()); err != nil {
		return nil, err
	}
	if p.alg.Source == coseimpl.FromStatic {
		p.opener.From, err = r.SenderKey.public()
	}
	return p, err
}

// compressed reports whether the sender writes points without y (RFC 9053 §7.1.1).
func (r *exampleRecipient) compressed() bool { return string(r.Unsent["compressed"]) == "1" }

// expectedKDF is what the recipient knows of the key derivation before the message comes: who the parties are and what
// the key is for. Salt and nonces that travel are left to the message.
func (r *exampleRecipient) expectedKDF() (coseimpl.KDF, error) {
	k, err := r.fullKDF()
	for name, value := range map[string]*[]byte{"salt": &k.Salt, "apu_nonce": &k.U.Nonce, "apv_nonce": &k.V.Nonce} {
		if sent, _ := r.Unprotected.octets(name, raw); sent != nil {
			*value = nil
		}
	}
	return k, err
}

// fullKDF is what goes into the key derivation besides the secret.
func (r *exampleRecipient) fullKDF() (coseimpl.KDF, error) {
	var k coseimpl.KDF
	for name, value := range map[string]*[]byte{
		"apu_id": &k.U.Identity, "apu_nonce": &k.U.Nonce, "apu_other": &k.U.Other,
		"apv_id": &k.V.Identity, "apv_nonce": &k.V.Nonce, "apv_other": &k.V.Other,
		"salt": &k.Salt, "pub_other": &k.Public, "priv_other": &k.Private,
	} {
		for _, h := range []params{r.Unprotected, r.Unsent} {
			b, err := h.octets(name, raw)
			if err != nil {
				return k, err
			}
			if b != nil {
				*value = b
			}
		}
	}
	return k, nil
}

// open opens the message for every recipient in turn. The first refusal is the result.
func (x *exampleEncrypt) open() ([]byte, error) {
	parsed, err := coseimpl.ParseEncrypt(x.message, x.tagged)
	if err != nil {
		return nil, err
	}
	x.parsed = parsed
	var plaintext []byte
	for i := range x.to {
		plaintext, err = parsed.Open(nil, &wide, x.content.ID, &x.to[i].opener, x.baseIV, x.m.External)
		if err != nil {
			return nil, err
		}
	}
	return plaintext, nil
}

func (x *exampleEncrypt) headers() coseimpl.Buckets { return x.parsed.Buckets }

// compare works out every published value once more, from the received headers and the recipient's key.
func (x *exampleEncrypt) compare() error {
	known := &x.Intermediates
	aad := coseimpl.AppendEncStructure(nil, x.parsed.Raw, x.m.External)
	if err := published("AAD", aad, known.AAD); err != nil {
		return err
	}
	if n := len(x.parsed.Algs()); n != len(x.to) {
		return fmt.Errorf("%d recipients instead of %d", n, len(x.to))
	}
	for i := range x.to {
		v, err := x.values(i)
		if err == nil {
			err = published("CEK", v.cek, known.CEK)
		}
		if err == nil && i < len(known.Recipients) {
			r := &known.Recipients[i]
			err = errors.Join(published("KDF context", v.context, r.Context),
				published("secret", v.secret, r.Secret), published("KEK", v.kek, r.KEK))
		}
		if err != nil {
			return fmt.Errorf("recipient %d: %w", i, err)
		}
	}
	return nil
}

// values are the intermediate values of a recipient. Those that its algorithm does not have are nil.
type values struct{ secret, context, kek, cek []byte }

func (x *exampleEncrypt) values(i int) (v values, err error) {
	p := &x.to[i]
	headers, wrapped := x.parsed.Recipient(i)
	key := p.opener.Key
	if p.alg.Source != coseimpl.FromKey {
		peer := p.opener.From
		if p.alg.Source == coseimpl.FromEphemeral {
			epk, _ := headers.Unprotected.Find(coseimpl.HeaderEphemeralKey)
			if peer, err = coseimpl.ParseKey(epk); err != nil {
				return v, err
			}
		}
		if v.secret, err = p.opener.Mine.Agree(peer); err != nil {
			return v, err
		}
		key = v.secret
	}
	if p.alg.KDF {
		kdf := p.opener.KDF
		for label, value := range map[int64]*[]byte{
			coseimpl.HeaderSalt: &kdf.Salt, coseimpl.HeaderPartyU - 1: &kdf.U.Nonce, coseimpl.HeaderPartyV - 1: &kdf.V.Nonce,
		} {
			sent, err := headers.Unprotected.Bytes(label)
			if err != nil {
				return v, err
			}
			if sent != nil {
				*value = sent
			}
		}
		id, size := x.content.ID, x.content.KeySize
		if p.alg.Wrap {
			id, size = coseimpl.A256KW, 32
		}
		v.context = kdf.AppendContext(nil, id, 8*size, headers.Raw)
		if key, err = hkdf.Key(sha256.New, key, kdf.Salt, string(v.context), size); err != nil {
			return v, err
		}
	}
	if !p.alg.Wrap {
		v.cek = key
		return v, nil
	}
	v.kek = key
	v.cek, err = coseimpl.UnwrapKey(v.kek, wrapped)
	return v, err
}
