package conformance

import (
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"github.com/sottokit/sotto/mk"
)

// argon2Test is for RFC 9106 §5 and the test table of the reference implementation. What sotto uses is Argon2id in
// version 1.3 without a secret and associated data, which is also all that golang.org/x/crypto has of it.
func argon2Test(_ *suite, test []byte) (string, error) {
	var t struct {
		Type     string `json:"type"`
		Version  int    `json:"version"`
		Time     uint32 `json:"t"`
		Memory   uint32 `json:"m"` // KiB
		Threads  uint8  `json:"p"`
		Password octets `json:"password"`
		Salt     octets `json:"salt"`
		Secret   octets `json:"secret,omitempty"`
		AD       octets `json:"ad,omitempty"`
		TagLen   uint32 `json:"tagLen"`
		Tag      octets `json:"tag"`
		Encoded  string `json:"encoded,omitempty"`
	}
	if err := decode(test, &t); err != nil {
		return "", err
	}
	if len(t.Secret) > 0 || len(t.AD) > 0 {
		return "", skip("Argon2 with a secret or associated data is not in sotto")
	}
	if t.Type != "argon2id" || t.Version != argon2.Version {
		return "", skip(fmt.Sprintf("%s version %d is not in sotto", t.Type, t.Version))
	}
	// RFC 9106 §3.1; Argon2 itself would raise a memory that is too small, and its cost has no bound.
	if t.Time < 1 || t.Threads < 1 || t.Memory < 8*uint32(t.Threads) || t.TagLen < 4 || len(t.Salt) < 8 {
		return "", errors.New("not parameters of Argon2")
	}
	if t.Time > mk.MaxTime || t.Memory > mk.MaxMemoryKiB || t.Threads > mk.MaxThreads || t.TagLen > maxDerived {
		return "", skip("parameters are over the limits of sotto")
	}
	tag := argon2.IDKey(t.Password, t.Salt, t.Time, t.Memory, t.Threads, t.TagLen)
	if err := equal("tag", tag, t.Tag); err != nil {
		return "", err
	}
	base := base64.RawStdEncoding
	encoded := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", t.Version, t.Memory, t.Time, t.Threads,
		base.EncodeToString(t.Salt), base.EncodeToString(tag))
	if t.Encoded != "" && t.Encoded != encoded {
		return "", fmt.Errorf("encoded form is %s, want %s", encoded, t.Encoded)
	}
	return "", nil
}
