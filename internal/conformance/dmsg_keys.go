package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// dmsgKeys drives the key hierarchy: MK over KEK over DEK, and the names under which wraps are stored.
func dmsgKeys(s *suite, file []byte) error {
	var form struct {
		EncStructure labelled          `json:"enc_structure_empty_aad"`
		Cases        []json.RawMessage `json:"cases"`
		Paths        []json.RawMessage `json:"setting_paths"`
		Settings     []json.RawMessage `json:"kek_setting_key_cases"`
	}
	if err := decode(file, &form); err != nil {
		return err
	}
	if len(form.Cases) == 0 {
		return errors.New("no cases")
	}
	s.check("enc_structure_empty_aad", func() (string, error) {
		return "", equal("Enc_structure", coseimpl.AppendEncStructure0(nil, dmsgProtected, nil), form.EncStructure.Hex)
	})
	s.checkEach("case", form.Cases, dmsgHierarchy)
	s.checkEach("setting path", form.Paths, dmsgSettingPath)
	s.checkEach("KEK setting key", form.Settings, func(object []byte) (string, error) {
		var c struct {
			Canister string `json:"canister"`
			ID       uint64 `json:"id"`
			Key      octets `json:"key"`
		}
		if err := decode(object, &c); err != nil {
			return "", err
		}
		return "", dmsgSettingKey(c.Canister, c.ID, c.Key)
	})
	return nil
}

// dmsgHierarchy is one wrap: of a KEK under an MK, or of a DEK under a KEK.
func dmsgHierarchy(object []byte) (string, error) {
	var c struct {
		Inputs struct {
			MK  *labelled `json:"mk_secret,omitempty"`
			KEK labelled  `json:"kek_secret"`
			DEK *labelled `json:"dek_secret,omitempty"`
			IV  labelled  `json:"iv"`
			AAD labelled  `json:"external_aad"`
		} `json:"inputs"`
		Outputs struct {
			KEK        *labelled `json:"kek_cose_key,omitempty"`
			DEK        *labelled `json:"dek_cose_key,omitempty"`
			WrappedKEK *labelled `json:"encrypted_kek,omitempty"`
			WrappedDEK *labelled `json:"encrypted_dek,omitempty"`
			SettingKey *struct {
				labelled
				Description string `json:"description,omitempty"`
			} `json:"kek_setting_key,omitempty"`
		} `json:"outputs"`
	}
	if err := decode(object, &c); err != nil {
		return "", err
	}
	in, out := &c.Inputs, &c.Outputs
	if (in.MK == nil) == (in.DEK == nil) {
		return "", errors.New("neither a KEK under an MK nor a DEK under a KEK")
	}
	w := dmsgWrap{iv: in.IV.Hex, aad: in.AAD.Hex}
	var wrapped, coseKey *labelled
	if in.MK != nil {
		w.key, w.inner, wrapped, coseKey = in.MK.Hex, in.KEK.Hex, out.WrappedKEK, out.KEK
	} else {
		w.key, w.inner, wrapped, coseKey = in.KEK.Hex, in.DEK.Hex, out.WrappedDEK, out.DEK
	}
	if wrapped == nil {
		return "", errors.New("the wrapped key is missing")
	}
	if err := w.check(wrapped.Hex); err != nil {
		return "", err
	}
	if coseKey != nil {
		k := coseimpl.SymmetricKey{Alg: dmsgAlg, K: w.inner}
		if err := equal("COSE_Key", k.Append(nil), coseKey.Hex); err != nil {
			return "", err
		}
	}
	if out.SettingKey == nil {
		return "", nil
	}
	// Only the description says which channel the key is for.
	var canister string
	var id uint64
	for i, word := range strings.Fields(out.SettingKey.Description) {
		if words := strings.Fields(out.SettingKey.Description); word == "/" && i > 0 && i+1 < len(words) {
			canister = words[i-1]
			if _, err := fmt.Sscan(words[i+1], &id); err != nil {
				return "", fmt.Errorf("description of the setting key: %w", err)
			}
		}
	}
	if canister == "" {
		return "", checkSettingKey(out.SettingKey.Hex)
	}
	return "", dmsgSettingKey(canister, id, out.SettingKey.Hex)
}

// dmsgSettingKey compares the name of a channel's KEK, [canister, channel].
func dmsgSettingKey(canister string, channel uint64, want octets) error {
	principal, err := parsePrincipal(canister)
	if err != nil {
		return err
	}
	key := wire.AppendHead(nil, wire.MajorArray, 2)
	key = wire.AppendBytes(key, principal)
	key = wire.AppendHead(key, wire.MajorUint, channel)
	return errors.Join(equal("setting key", key, want), checkSettingKey(want))
}

// checkSettingKey checks the form of the name of a channel's KEK.
func checkSettingKey(b []byte) error {
	r := wire.NewReader(b)
	if n := r.Array("setting key", 2); r.Err() == nil && n != 2 {
		return errors.New("setting key does not have two elements")
	}
	r.Bytes("canister", maxPrincipal)
	if id := r.Int("channel"); id < 0 {
		return errors.New("channel below zero")
	}
	return r.End("setting key")
}

// maxSettingKey bounds the key of a setting, in bytes.
const maxSettingKey = 64

// dmsgSettingPath checks where a setting is stored. Wrapped keys are in dek and the user's own, other values in payload.
func dmsgSettingPath(object []byte) (string, error) {
	var p struct {
		NS        string `json:"ns"`
		Key       octets `json:"key"`
		Subject   string `json:"subject"`
		UserOwned bool   `json:"user_owned"`
		Field     string `json:"field"`
		Version   int    `json:"version"`
		Payload   octets `json:"payload_example,omitempty"`
	}
	if err := decode(object, &p); err != nil {
		return "", err
	}
	if _, err := parsePrincipal(p.Subject); err != nil {
		return "", err
	}
	switch {
	case p.NS != strings.ReplaceAll(p.Subject, "-", "_"):
		return "", fmt.Errorf("namespace %q is not of the subject", p.NS)
	case p.Version != 0:
		return "", fmt.Errorf("version %d of a path", p.Version)
	case p.UserOwned != (p.Field == "dek") || p.Field != "dek" && p.Field != "payload":
		return "", fmt.Errorf("field %q with user_owned %v", p.Field, p.UserOwned)
	case len(p.Key) > maxSettingKey || !dmsgKnownKey(p.Key):
		return "", fmt.Errorf("key %x is not one of dMsg", abridged(p.Key))
	case p.Payload == nil:
		return "", nil
	}
	var payload map[string][]byte
	if err := wire.Unmarshal("payload", p.Payload, len(p.Payload), &payload); err != nil {
		return "", err
	}
	if len(payload["pwd_hash"]) != 32 {
		return "", errors.New("payload without a pwd_hash of 32 bytes")
	}
	return "", nil
}

// dmsgKnownKey reports whether a setting has this key: the master key, the static ECDH key, the public values, or the
// KEK of a channel.
func dmsgKnownKey(key []byte) bool {
	fixed := bytes.Equal(key, dmsgMasterKeyID) || string(key) == "StaticECDH" || string(key) == "KV"
	return fixed || checkSettingKey(key) == nil
}
