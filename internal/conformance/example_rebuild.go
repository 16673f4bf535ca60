package conformance

import (
	"github.com/fxamacker/cbor/v2"

	"github.com/sottokit/sotto/internal/coseimpl"
)

// rebuild makes the COSE_Encrypt anew. Randomness is used in the order of the program that made the files: a key
// agreement whose result is the content key comes before the IV; otherwise the content key comes first, then the IV, and
// the agreements last.
func (x *exampleEncrypt) rebuild() ([]byte, error) {
	if err := x.rebuildable(x.m); err != nil {
		return nil, err
	}
	rng := x.stream()
	e := coseimpl.Envelope{Tagged: x.tagged, Alg: x.content.ID, External: x.m.External}
	wrap := x.to[0].alg.Wrap
	var err error
	if wrap {
		if e.CEK, err = rng.next(); err != nil {
			return nil, err
		}
	} else if e.To, err = x.recipients(rng); err != nil {
		return nil, err
	}
	s, err := x.m.sealing(rng)
	if err != nil {
		return nil, err
	}
	e.Protected, e.Unprotected, e.IV = s.protected, s.unprotected, s.iv
	if wrap {
		if e.To, err = x.recipients(rng); err != nil {
			return nil, err
		}
	}
	plaintext, err := x.plaintext()
	if err != nil {
		return nil, err
	}
	return coseimpl.AppendEncrypt(nil, &wide, &e, plaintext)
}

func (x *exampleEncrypt) recipients(rng *stream) ([]coseimpl.Recipient, error) {
	all := make([]coseimpl.Recipient, len(x.to))
	for i := range x.to {
		if err := x.to[i].write(&all[i], rng); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// write fills in a recipient as its sender would.
func (p *exampleParty) write(r *coseimpl.Recipient, rng *stream) error {
	if p.present() {
		return readOnly("countersigned")
	}
	if err := p.onlyKnown(); err != nil {
		return err
	}
	kdf, err := p.fullKDF()
	if err != nil {
		return err
	}
	*r = coseimpl.Recipient{Alg: p.opener.Alg, KeyID: p.opener.KeyID, Key: p.opener.Key, KDF: kdf}
	for name := range p.Unprotected {
		if label, ok := kdfLabel(name); ok {
			r.Send = append(r.Send, label)
		}
	}
	switch p.alg.Source {
	case coseimpl.FromEphemeral:
		scalar, err := rng.next()
		if err != nil {
			return err
		}
		if r.Mine, err = p.Key.ephemeral(scalar, p.compressed()); err != nil {
			return err
		}
		r.Peer, err = p.Key.public()
		return err
	case coseimpl.FromStatic:
		if r.KDF.U.Nonce == nil && rng.nonceIsNext() {
			if r.KDF.U.Nonce, err = rng.next(); err != nil {
				return err
			}
			r.Send = append(r.Send, coseimpl.HeaderPartyU-1)
		}
		if r.Mine, err = p.SenderKey.agreer(p.compressed()); err != nil {
			return err
		}
		if r.StaticID, err = p.staticID(); err != nil {
			return err
		}
		r.Peer, err = p.Key.public()
		return err
	}
	return nil
}

// onlyKnown refuses headers that a sotto recipient does not have. What epk says follows from the stream.
func (p *exampleParty) onlyKnown() error {
	for name := range p.Protected {
		if name != "alg" || !p.alg.KDF {
			return readOnly("protected parameter " + name + " of a recipient")
		}
	}
	for name := range p.Unprotected {
		_, kdf := kdfLabel(name)
		base := trimHex(name)
		known := kdf || base == "kid" || base == "epk" || base == "spk_kid" || base == "alg" && !p.alg.KDF
		if !known {
			return readOnly("unprotected parameter " + name + " of a recipient")
		}
	}
	return nil
}

// kdfLabel returns the label of a header parameter that goes into the key derivation.
func kdfLabel(name string) (int64, bool) {
	label, ok := labels[trimHex(name)]
	return label, ok && label <= coseimpl.HeaderSalt
}

// staticID names the sender's key: by the parameter itself, or by the kid of a key that has one.
func (p *exampleParty) staticID() ([]byte, error) {
	id, err := p.Unprotected.octets("spk_kid", raw)
	if err != nil || id != nil {
		return id, err
	}
	return params(p.SenderKey).octets("kid", raw)
}

// normal returns a message with every map outside its byte strings sorted (RFC 8949 §4.2.1). Protected headers are in
// byte strings: their order counts.
func normal(message []byte) ([]byte, error) {
	decoder, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		return nil, err
	}
	encoder, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	var v any
	if err := decoder.Unmarshal(message, &v); err != nil {
		return nil, err
	}
	return encoder.Marshal(v)
}
