package recovery_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/recovery"
)

var wantFault = faulttest.Want

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newKey(t testing.TB, b []byte) *recovery.Key {
	t.Helper()
	k, err := recovery.NewKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func text(t testing.TB, k *recovery.Key) string {
	t.Helper()
	b, err := k.ExportSecretText()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The key of "device_log" in native_v2.json. The last value was worked out apart from this code.
func TestSecretsFollowFromTheKeyAsSpecified(t *testing.T) {
	k := newKey(t, unhex(t, "e1f9ac2c4c2b19b508b81d7f2bf2daf86688adec7e06459d36e51cdcce19ec2a"))
	for p, want := range map[recovery.Purpose]string{
		recovery.ForLog:     "91ff7a0eb55b366dcb33935465613a8625a4df130ec080caccbe426b31f08736",
		recovery.ForBackup:  "bca8455f4c16149fb267e560c24b5f621fc5a3c28a4c0bef8917df890f777b07",
		recovery.ForLockbox: "38e0d649786df12fc4bf0a8de952882fcb589afba5a7b56221db6fa70e94c332",
	} {
		got, err := k.ExportSecretFor(p)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got) != want {
			t.Errorf("purpose %d: %x, want %s", p, got, want)
		}
	}
	for _, p := range []recovery.Purpose{-1, 0, 4} {
		_, err := k.ExportSecretFor(p)
		wantFault(t, err, fault.Misuse)
	}
}

// Printed keys, worked out apart from this code.
func TestPrintedFormIsAsSpecified(t *testing.T) {
	for secret, want := range map[string]string{
		strings.Repeat("00", 32): "00002-00004-00008-0000G-00005-0000A-0000M-0000D-0000T-0000H-00007-0000E-0000W",
		strings.Repeat("ff", 32): "ZZZZF-ZZZZ9-ZZZZ5-ZZZZX-ZZZZ8-ZZZZ7-ZZZZS-ZZZZ0-ZZZZQ-ZZZZW-ZZZZA-ZZZZ3-ZZZGT",
		"e1f9ac2c4c2b19b508b81d7f2bf2daf86688adec7e06459d36e51cdcce19ec2a": "W7WT4-RB2CP-5CCVM-A25RR-3NZJP-QWPT3-Z1K8K-HBFCA-FR34S-B79PV-WMEDH-SKGS2-XGN0G",
	} {
		k := newKey(t, unhex(t, secret))
		if got := text(t, k); got != want || len(got) != recovery.TextSize {
			t.Errorf("key %s is printed as %s, want %s", secret, got, want)
		}
		if again, err := recovery.Parse([]byte(want)); err != nil || !again.Equal(k) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestKeysHave32Bytes(t *testing.T) {
	for _, n := range []int{0, 31, 33} {
		_, err := recovery.NewKey(make([]byte, n))
		wantFault(t, err, fault.Malformed)
	}
	b := bytes.Repeat([]byte{7}, recovery.Size)
	k := newKey(t, b)
	b[0] = 0
	got, err := k.ExportSecret()
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{7}, recovery.Size)) {
		t.Errorf("the key changed with the caller's bytes: %v", err)
	}
}

func TestGeneratedKeysDiffer(t *testing.T) {
	a, b := recovery.Generate(), recovery.Generate()
	if a.Equal(b) || !a.Equal(a) {
		t.Error("wrong comparison")
	}
}

func TestDestroyedZeroAndNilKeysRefuse(t *testing.T) {
	destroyed := recovery.Generate()
	destroyed.Destroy()
	for _, k := range []*recovery.Key{destroyed, {}, nil} {
		_, err := k.ExportSecret()
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecretText()
		wantFault(t, err, fault.DestroyedKey)
		_, err = k.ExportSecretFor(recovery.ForLog)
		wantFault(t, err, fault.DestroyedKey)
		if k.Equal(k) || recovery.Generate().Equal(k) {
			t.Error("a destroyed key equals something")
		}
		k.Destroy()
	}
}

func TestNothingPrintsAKey(t *testing.T) {
	k := recovery.Generate()
	b, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		out := fmt.Sprintf(verb+" "+verb, k, *k)
		if strings.Contains(out, hex.EncodeToString(b)[:16]) || strings.Contains(out, fmt.Sprint(b)[1:20]) {
			t.Errorf("%s prints a secret", verb)
		}
	}
}
