package conformance

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk"
)

// vetkdMasterKeys drives the master keys of kind III, in both readings of "vetKey".
func vetkdMasterKeys(s *suite, file []byte) error {
	var form struct {
		KDFInfo    octets            `json:"kdf_info"`
		SettingKey octets            `json:"frontend_setting_key,omitempty"`
		Vectors    []json.RawMessage `json:"vectors"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	if len(form.Vectors) == 0 {
		return errors.New("no vectors")
	}
	s.check("constants", func() (string, error) {
		if form.SettingKey != nil {
			r := wire.NewReader(form.SettingKey)
			r.Text("setting key", maxSettingKey)
			if err := r.End("setting key"); err != nil {
				return "", err
			}
		}
		return "", equal("KDF info", dmsgKDFContext(), form.KDFInfo)
	})
	s.checkEach("vector", form.Vectors, func(object []byte) (string, error) {
		var v struct {
			Password string `json:"password"`
			ID       string `json:"id"`
			Argon2id octets `json:"argon2id_t2_m19456_p1_32"`
			VetKey   octets `json:"vetkey"`
			Long     octets `json:"mk_hkdf_salt_vetkey48"`
			Short    octets `json:"mk_hkdf_salt_symkey_empty_info_32"`
		}
		if err := decode(object, &v); err != nil {
			return "", err
		}
		stretched, err := mk.Stretch(s.ctx, []byte(v.Password), []byte(v.ID), dmsgParams)
		if err != nil {
			return "", err
		}
		argon, err := stretched.ExportSecret()
		if err != nil {
			return "", err
		}
		// What the deployed client derives from a vetKey before it uses it.
		symmetric, err := hkdf.Key(sha256.New, v.VetKey, nil, "", mk.Size)
		if err != nil {
			return "", err
		}
		return "", errors.Join(
			equal("Argon2id", argon, v.Argon2id),
			keyIII(stretched, v.VetKey, v.Long),
			keyIII(stretched, symmetric, v.Short))
	})
	return nil
}

func keyIII(s *mk.Stretched, vetKey []byte, want octets) error {
	key, err := s.KeyIII(vetKey)
	if err != nil {
		return err
	}
	secret, err := key.ExportSecret()
	return errors.Join(err, equal("MK", secret, want))
}
