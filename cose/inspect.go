package cose

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Info is what can be told about a message without any key. Nothing of it is verified.
type Info struct {
	Kind      string   // "COSE_Encrypt0", "COSE_Encrypt", "COSE_Sign1" or "COSE_Key"
	Tagged    bool     // with its CBOR tag
	Type      string   // typ, "" when there is none
	Algorithm string   // of the content, signature or key; "" when it is missing
	KeyIDs    [][]byte // of the message, then of its recipients
	Opens     []string // the algorithms by which a recipient comes to the content key
	Size      int      // bytes of ciphertext or payload
}

// Inspect tells what a message or key is. Secrets of a key are not looked at. What is none of the four kinds is
// fault.Malformed.
func Inspect(b []byte) (Info, error) {
	r := wire.NewReader(b)
	tagged := r.Major() == wire.MajorTag
	if m, err := coseimpl.ParseEncrypt0(b, tagged); err == nil {
		return inspect("COSE_Encrypt0", tagged, &m.Buckets, len(m.Ciphertext)), nil
	}
	if m, err := coseimpl.ParseSign1(b, tagged); err == nil {
		return inspect("COSE_Sign1", tagged, &m.Buckets, len(m.Unverified())), nil
	}
	if m, err := coseimpl.ParseEncrypt(b, tagged); err == nil {
		info := inspect("COSE_Encrypt", tagged, &m.Buckets, len(m.Ciphertext))
		info.KeyIDs = append(info.KeyIDs, m.KeyIDs()...)
		for _, alg := range m.Algs() {
			info.Opens = append(info.Opens, Algorithm(alg).String())
		}
		return info, nil
	}
	if k, err := coseimpl.ParseKey(b); err == nil {
		info := inspect("COSE_Key", false, &coseimpl.Buckets{}, len(b))
		info.Algorithm = algorithmName(k, coseimpl.KeyAlg)
		if kid, err := k.Bytes(coseimpl.KeyKID); err == nil && kid != nil {
			info.KeyIDs = [][]byte{kid}
		}
		return info, nil
	}
	return Info{}, fmt.Errorf("cose: neither a COSE_Encrypt0, COSE_Encrypt, COSE_Sign1 nor a COSE_Key: %w", fault.Malformed)
}

func inspect(kind string, tagged bool, b *coseimpl.Buckets, size int) Info {
	info := Info{Kind: kind, Tagged: tagged, Size: size, Algorithm: algorithmName(b.Protected, coseimpl.HeaderAlg)}
	if typ, err := b.Protected.Text(coseimpl.HeaderTyp); err == nil {
		info.Type = typ
	}
	if kid, err := b.Bytes(coseimpl.HeaderKID); err == nil && kid != nil {
		info.KeyIDs = [][]byte{kid}
	}
	return info
}

func algorithmName(h coseimpl.Header, label int64) string {
	if alg, present, err := h.Int(label); err == nil && present {
		return Algorithm(alg).String()
	}
	return ""
}
