package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
)

// xwingVectors are for draft-connolly-cfrg-xwing-kem, appendix C.
func xwingVectors(s *suite, file []byte) error {
	var rows []json.RawMessage
	if err := json.Unmarshal(file, &rows); err != nil {
		return err
	}
	for i, row := range rows {
		var v struct {
			Seed    octets `json:"seed"`
			Random  octets `json:"eseed"`
			Shared  octets `json:"ss"`
			Private octets `json:"sk"`
			Public  octets `json:"pk"`
			Key     octets `json:"ct"`
		}
		if err := decode(row, &v); err != nil {
			return fmt.Errorf("vector %d: %w", i+1, err)
		}
		s.check(fmt.Sprintf("vector %d: key and decapsulation", i+1), func() (string, error) {
			return "", errors.Join(
				equal("private key", v.Seed, v.Private), decapsulates(v.Private, v.Public, v.Key, v.Shared))
		})
		s.check(fmt.Sprintf("vector %d: encapsulation", i+1), func() (string, error) {
			return "", skip("crypto/hpke takes no randomness from outside")
		})
	}
	return nil
}

// hpkePQ is for the vectors of draft-ietf-hpke-pq, of which sotto has one KEM.
func hpkePQ(s *suite, file []byte) error {
	var rows []json.RawMessage
	if err := json.Unmarshal(file, &rows); err != nil {
		return err
	}
	for i, row := range rows {
		var v struct {
			KEM      uint16 `json:"kem_id"`
			KDF      uint16 `json:"kdf_id"`
			AEAD     uint16 `json:"aead_id"`
			Info     octets `json:"info"`
			Private  octets `json:"skRm"`
			Public   octets `json:"pkRm"`
			Key      octets `json:"enc"`
			Shared   octets `json:"shared_secret"`
			AEADKey  octets `json:"key"`
			Nonce    octets `json:"base_nonce"`
			Exporter octets `json:"exporter_secret"`
		}
		if err := decode(row, &v); err != nil {
			return fmt.Errorf("vector %d: %w", i+1, err)
		}
		name := fmt.Sprintf("KEM 0x%04x, KDF 0x%04x, AEAD 0x%04x: ", v.KEM, v.KDF, v.AEAD)
		if v.KEM != xwingKEM {
			s.check(name+"all", func() (string, error) { return "", skip("not a KEM of sotto") })
			continue
		}
		s.check(name+"key and decapsulation", func() (string, error) {
			return "", decapsulates(v.Private, v.Public, v.Key, v.Shared)
		})
		s.check(name+"key schedule", func() (string, error) {
			if v.KDF != hkdfSHA256 {
				return "", skip("not a KDF of sotto")
			}
			k, err := hpkeSuite{v.KEM, v.AEAD}.schedule(v.Shared, v.Info)
			return "", errors.Join(err, equal("key", k.key, v.AEADKey), equal("base nonce", k.nonce, v.Nonce),
				equal("exporter secret", k.exporter, v.Exporter))
		})
		s.check(name+"encryptions", func() (string, error) { return "", skip("not an AEAD that sotto has in HPKE") })
	}
	return nil
}

// decapsulates checks that a private key has that public half, and gets the shared secret out of an encapsulated key: what
// is encrypted with it opens.
func decapsulates(private, public, encapsulated, shared octets) error {
	k, err := ecdh.NewHybridPrivateKey(private)
	if err != nil {
		return err
	}
	defer k.Destroy()
	if err := equal("public key", k.Public().Bytes(), public); err != nil {
		return err
	}
	text := []byte("text")
	sealed, err := sealHPKE(shared, nil, nil, text)
	if err != nil {
		return err
	}
	got, err := k.Open(encapsulated, nil, nil, sealed)
	return errors.Join(err, equal("text", got, text))
}
