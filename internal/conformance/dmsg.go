package conformance

import (
	"context"
	"crypto/hmac"
	"crypto/sha3"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk"
)

// Constants of the dMsg wire format: Argon2id of every password, and the COSE numbers of every message and key.
var dmsgParams = mk.Params{Time: 2, MemoryKiB: 19456, Threads: 1}

const (
	dmsgAlg    = int64(cose.A256GCM)
	dmsgKeyLen = 32
	dmsgIVLen  = 12
)

var (
	dmsgProtected   = coseimpl.AppendProtected(nil, dmsgAlg, "")
	dmsgHKDFHeader  = coseimpl.AppendProtected(nil, -10, "") // direct+HKDF-SHA-256
	dmsgNobody      = coseimpl.KDF{}
	dmsgMasterKeyID = wire.AppendText(nil, "PANDA")
)

// dmsgKDFContext is the HKDF info of every key: a COSE_KDF_Context that names nobody.
func dmsgKDFContext() []byte {
	return dmsgNobody.AppendContext(nil, dmsgAlg, 8*dmsgKeyLen, dmsgHKDFHeader)
}

// dmsgMasterKeys drives the master keys of kinds I and II, and their local cache.
func dmsgMasterKeys(s *suite, file []byte) error {
	var form struct {
		Constants struct {
			KeyIDText string    `json:"key_id_text"`
			KeyID     labelled  `json:"key_id_cbor"`
			Local     *labelled `json:"key_id_cbor_local_dev,omitempty"`
		} `json:"constants"`
		Cases []json.RawMessage `json:"cases"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	if len(form.Cases) == 0 {
		return errors.New("no cases")
	}
	keyID := form.Constants.KeyID.Hex
	s.check("constants", func() (string, error) {
		if local := form.Constants.Local; local != nil {
			r := wire.NewReader(local.Hex)
			r.Text("local key ID", len(local.Hex))
			if err := r.End("local key ID"); err != nil {
				return "", err
			}
		}
		return "", equal("key ID", wire.AppendText(nil, form.Constants.KeyIDText), keyID)
	})
	s.checkEach("case", form.Cases, func(object []byte) (string, error) {
		var c dmsgMasterKey
		if err := decode(object, &c); err != nil {
			return "", err
		}
		return "", c.check(s.ctx, keyID)
	})
	return nil
}

type dmsgMasterKey struct {
	Kind   string `json:"kind"`
	Inputs struct {
		Password struct {
			Text string `json:"text"`
			UTF8 octets `json:"utf8"`
		} `json:"password"`
		ID struct {
			Text string `json:"text"`
		} `json:"id"`
		IDBytes labelled `json:"id_bytes"`
		Remote  labelled `json:"remote_secret"`
		MyIV    labelled `json:"my_iv"`
		CacheIV labelled `json:"cache_iv"`
	} `json:"inputs"`
	Outputs struct {
		Argon2id   labelled `json:"argon2id"`
		KDFContext labelled `json:"kdf_context"`
		Secret     labelled `json:"mk_secret"`
		COSEKey    labelled `json:"mk_cose_key"`
		KID        labelled `json:"mk_kid"`
		CacheKEK   labelled `json:"cache_kek"`
		Cached     labelled `json:"cache_encrypted_secret"`
		PwdHash    labelled `json:"pwd_hash"`
	} `json:"outputs"`
}

func (c *dmsgMasterKey) check(ctx context.Context, keyID []byte) error {
	in, out := &c.Inputs, &c.Outputs
	if err := equal("UTF-8 of the password", []byte(in.Password.Text), in.Password.UTF8); err != nil {
		return err
	}
	stretched, err := mk.Stretch(ctx, in.Password.UTF8, []byte(in.ID.Text), dmsgParams)
	if err != nil {
		return err
	}
	argon, err := stretched.ExportSecret()
	if err != nil {
		return err
	}
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, keyID)
	mac.Write(argon)

	var master *mk.Key
	switch c.Kind {
	case "Local":
		master, err = stretched.KeyI(in.Remote.Hex)
	case "ECDH":
		master, err = stretched.KeyII(in.Remote.Hex)
	default:
		err = fmt.Errorf("unknown kind %q", c.Kind)
	}
	if err != nil {
		return err
	}
	secret, err := master.ExportSecret()
	if err != nil {
		return err
	}
	// The cache of every kind is sealed under the key of kind I.
	cacheKey, err := stretched.KeyI(in.MyIV.Hex)
	if err != nil {
		return err
	}
	cacheKEK, err := cacheKey.ExportSecret()
	if err != nil {
		return err
	}
	kid := wire.AppendBytes(nil, keyID) // encoded twice, which is what the deployed client does
	key := coseimpl.SymmetricKey{Alg: dmsgAlg, KID: kid, K: secret}
	return errors.Join(
		equal("Argon2id", argon, out.Argon2id.Hex),
		equal("KDF context", dmsgKDFContext(), out.KDFContext.Hex),
		equal("pwd_hash", mac.Sum(nil), out.PwdHash.Hex),
		equal("MK", secret, out.Secret.Hex),
		equal("kid", kid, out.KID.Hex),
		equal("COSE_Key", key.Append(nil), out.COSEKey.Hex),
		equal("cache key", cacheKEK, out.CacheKEK.Hex),
		dmsgWrap{key: cacheKEK, inner: secret, kid: kid, iv: in.CacheIV.Hex, aad: in.IDBytes.Hex}.check(out.Cached.Hex),
	)
}

// dmsgWrap is a key sealed under another one.
type dmsgWrap struct {
	key, inner []byte
	kid        []byte // of the inner COSE_Key, nil for none
	iv, aad    []byte
}

// check makes the wrap, and opens it to the inner key.
func (w dmsgWrap) check(want octets) error {
	key, err := cose.NewKey(cose.A256GCM, w.key)
	if err != nil {
		return err
	}
	content, err := wide.FindContent(dmsgAlg)
	if err != nil {
		return err
	}
	aead, err := content.AEAD(w.key)
	if err != nil {
		return err
	}
	k := coseimpl.SymmetricKey{Alg: dmsgAlg, KID: w.kid, K: w.inner}
	inner := k.Append(nil)
	unprotected := coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, w.iv))
	wrapped, err := coseimpl.AppendEncrypt0(nil, aead, false, dmsgProtected, unprotected, w.iv, inner, w.aad)
	if err != nil {
		return err
	}
	opened, err := key.Decrypt0(nil, want, cose.Context{Untagged: true, AAD: w.aad})
	if err != nil {
		return fmt.Errorf("wrapped key: %w", err)
	}
	parsed, err := cose.ParseKey(opened)
	if err != nil {
		return fmt.Errorf("key in the wrap: %w", err)
	}
	secret, err := parsed.ExportSecret()
	return errors.Join(err,
		equal("wrapped key", wrapped, want), equal("key in the wrap", secret, w.inner), equal("its kid", parsed.KeyID(), w.kid))
}
