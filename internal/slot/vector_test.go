package slot

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/sottokit/sotto/internal/wire"
)

// "backup" of native_v2.json: the slot of a vault.
const (
	vectorPassword   = "correct horse battery staple"
	vectorRounds     = 600_000
	vectorSalt       = "a2f130b92f7c55ab266abb310f7139a5"
	vectorVaultID    = "5b5cbff00c299b3bf7df10c30956ac40"
	vectorVaultKey   = "387205ab3ede3138af7055b72a7ad942b3ac249960e5d1bb3a4a7a3a9e66dd03"
	vectorS          = "9fc737c0aa57df27452b0eb51a83e4ad59009722a4eed0135176a32293253042"
	vectorKEK        = "f06af72a8c542e6663e7524afc5629e2013bc1fe87efef60c085f3462e568b3d"
	vectorCommitment = "a363297c97b6ba49a19b6bdd89ba716697f0ccec346ee80984948487f2635592"
	vectorSlot       = "d0835862a60103106f736f74746f2f76312e6261636b75703a00011170013a0001117150a2f130b92f7c55ab266abb310f7139a5" +
		"3a00011172811a000927c03a000111735820a363297c97b6ba49a19b6bdd89ba716697f0ccec346ee80984948487f2635592" +
		"a1054ce4bacafb8f5f19f9f76f98c6584e3a04a7cadc8f517097db28355b5ce0557f493af61811dbbd23b0117066be2a6a84" +
		"68b463668ed4e469559d93c54b685b949cb6d672abdc1839cd0537034698ab466138b7c32191324734c6b8cf6d"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectorPlace is the vault: user_id as text, vault_id as bytes, generation 0.
func vectorPlace(t testing.TB) *Place {
	return &Place{Type: "sotto/v1.backup", KDF: "sotto/v1.backup-slot", Items: [][]byte{
		wire.AppendText(nil, "alice"), wire.AppendBytes(nil, unhex(t, vectorVaultID)), wire.AppendInt(nil, 0),
	}}
}

func TestPublishedSlotIsReproduced(t *testing.T) {
	raw, place := unhex(t, vectorSlot), vectorPlace(t)
	parsed, err := Parse(raw, place.Type)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Kind != PBKDF2 || hex.EncodeToString(parsed.Salt) != vectorSalt || !slices.Equal(parsed.Costs, []int64{vectorRounds}) {
		t.Errorf("read as %+v", parsed.Header)
	}

	s, err := pbkdf2.Key(sha256.New, vectorPassword, parsed.Salt, vectorRounds, 32)
	if err != nil {
		t.Fatal(err)
	}
	kek, commitment, err := parsed.keys(place, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"S", s, vectorS}, {"KEK", kek, vectorKEK}, {"C", commitment, vectorCommitment},
	} {
		if hex.EncodeToString(c.got) != c.want {
			t.Errorf("%s is %x, want %s", c.name, c.got, c.want)
		}
	}

	plaintext, err := parsed.Open(place, s)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(plaintext, unhex(t, vectorVaultKey)) {
		t.Error("the vault key is not inside")
	}
	iv, err := parsed.message.Unprotected.Bytes(5)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Seal(place, &Header{Kind: PBKDF2, Salt: parsed.Salt, Costs: []int64{vectorRounds}}, s, iv, plaintext)
	if err != nil || !bytes.Equal(again, raw) {
		t.Errorf("sealed again as %x, %v", again, err)
	}
}
