package conformance

import (
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/internal/wire"
)

// Labels of the native protocol that no package of sotto has yet.
const (
	labelBackup     = "sotto/v1.backup"
	labelBackupSlot = "sotto/v1.backup-slot"
)

// nativeVault is the slot of a vault, which opens with a password.
type nativeVault struct {
	Password   string `json:"password"`
	Salt       octets `json:"salt"`
	Iterations int64  `json:"iterations"`
	S          octets `json:"s"`
	PRK        octets `json:"prk"`
	KEK        octets `json:"kek"`
	Commitment octets `json:"commitment"`
	VaultID    octets `json:"vault_id"`
	VaultKey   octets `json:"vault_key"`
	Slot       octets `json:"slot_cose_encrypt0"`
}

func (n *nativeFile) runBackup(s *suite, section []byte) error {
	var v nativeVault
	if err := decode(section, &v); err != nil {
		return err
	}
	s.check("backup slot", func() (string, error) { return "", n.checkSlot(&v) })
	s.check("backup chunks and manifest", func() (string, error) { return "", skip("sotto has no backup") })
	return nil
}

// vaultForm is what a slot holds.
type vaultForm struct {
	VaultID  []byte `cbor:"1,keyasint"`
	Gen      uint64 `cbor:"2,keyasint"`
	VaultKey []byte `cbor:"3,keyasint"`
	Created  uint64 `cbor:"4,keyasint"`
}

// firstGen is the generation of the vault. The file says neither that nor whose vault it is: the first one, of the user who
// has a log.
const firstGen = 0

// checkSlot opens the slot and makes it anew.
func (n *nativeFile) checkSlot(v *nativeVault) error {
	user, err := n.logUser()
	if err != nil {
		return err
	}
	place := &slot.Place{Type: labelBackup, KDF: labelBackupSlot, Items: [][]byte{
		wire.AppendText(nil, user), wire.AppendBytes(nil, v.VaultID), wire.AppendInt(nil, firstGen),
	}}
	parsed, err := slot.Parse(v.Slot, labelBackup)
	if err != nil {
		return err
	}
	header := slot.Header{Kind: slot.PBKDF2, Salt: v.Salt, Costs: []int64{v.Iterations}}
	// Before a cost that the slot does not have is paid.
	if parsed.Kind != header.Kind || len(parsed.Costs) != 1 || parsed.Costs[0] != v.Iterations {
		return errors.New("slot of another kind or cost")
	}
	stretched, err := pbkdf2.Key(sha256.New, v.Password, v.Salt, int(v.Iterations), 32)
	if err != nil {
		return err
	}
	plaintext, err := parsed.Open(place, stretched)
	if err != nil {
		return err
	}
	var f vaultForm
	if err := wire.Unmarshal("plaintext of the slot", plaintext, slot.MaxSize, &f); err != nil {
		return err
	}
	f.VaultID, f.Gen, f.VaultKey = v.VaultID, firstGen, v.VaultKey
	return errors.Join(
		equal("salt of the slot", parsed.Salt, v.Salt),
		equal("S", stretched, v.S),
		v.checkKeys(user),
		v.remake(place, &header, &f))
}

// checkKeys derives the keys of the slot without package slot, and PRK from the vault key inside.
func (v *nativeVault) checkKeys(user string) error {
	prk, err := hkdf.Extract(sha256.New, v.VaultKey, v.VaultID)
	if err != nil {
		return err
	}
	info, err := wire.Marshal([]any{
		labelBackupSlot, int64(slot.PBKDF2), []int64{v.Iterations}, user, []byte(v.VaultID), firstGen,
	})
	if err != nil {
		return err
	}
	keys, err := hkdf.Key(sha256.New, v.S, v.Salt, string(info), 64)
	return errors.Join(err,
		equal("PRK", prk, v.PRK),
		equal("KEK and commitment", keys, slices.Concat(v.KEK, v.Commitment)))
}

// remake seals the slot with the published IV.
func (v *nativeVault) remake(place *slot.Place, h *slot.Header, f *vaultForm) error {
	m, err := coseimpl.ParseEncrypt0(v.Slot, true)
	if err != nil {
		return err
	}
	iv, err := m.Unprotected.Bytes(coseimpl.HeaderIV)
	if err != nil {
		return err
	}
	plaintext, err := wire.Marshal(f)
	if err != nil {
		return err
	}
	again, err := slot.Seal(place, h, v.S, iv, plaintext)
	return errors.Join(err, equal("slot made anew", again, v.Slot))
}
