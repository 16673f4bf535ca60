package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestCreateFileOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := createFile(path, []byte("first")); err != nil {
		t.Fatal(err)
	}
	untouched(t, path)
	if err := createFile(path, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made a second time: %v", err)
	}
}

func TestWrittenFilesAreForTheirUserAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "file")
	for _, put := range []func(string, []byte) error{createFile, replaceFile} {
		if err := put(path, []byte("content")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil { // which does not last
			t.Fatal(err)
		}
	}
}

func TestFailedWriteLeavesEverythingAsItWas(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	write(t, filepath.Join(dir, "file"), []byte("content"))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "file"), []byte("content"))
	untouched(t, filepath.Join(dir, "file"), filepath.Join(folder, "file"))
	if err := replaceFile(folder, []byte("new")); err == nil {
		t.Error("a file took the place of a folder")
	}
	if err := replaceFile(filepath.Join(dir, "none"), []byte("new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there was replaced: %v", err)
	}
	if err := createFile(filepath.Join(dir, "none", "file"), []byte("new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in no folder was made: %v", err)
	}
	// A name of 255 bytes is the longest, so that one has no room for the name of an unfinished file beside it.
	if err := createFile(filepath.Join(dir, strings.Repeat("a", 255)), []byte("new")); err == nil {
		t.Error("a file was made without an unfinished one beside it")
	}
}

// Otherwise the old lockbox would stay where the link leads to.
func TestReplaceFollowsALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	write(t, file, []byte("old"))
	err := os.Symlink("file", link)
	if err != nil && runtime.GOOS == "windows" {
		t.Skip(err) // it asks for a privilege
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 || string(read(t, file)) != "new" {
		t.Errorf("the link is %v, %v, and the file %q", info.Mode(), err, read(t, file))
	}
}

func TestFolderIsThereAsAWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	broken := errors.New("broken")
	err := createFolder(path, func(unfinished string) error {
		write(t, filepath.Join(unfinished, "file"), nil)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there while it is made: %v", err)
		}
		return broken
	})
	if !errors.Is(err, broken) || names(t, dir) != "" {
		t.Errorf("%v, left behind: %s", err, names(t, dir))
	}
	fill := func(unfinished string) error { return createFile(filepath.Join(unfinished, "file"), nil) }
	if err := createFolder(path+"/", fill); err != nil || names(t, path) != "file" || names(t, dir) != "folder" {
		t.Errorf("%v, there is %s with %s", err, names(t, dir), names(t, path))
	}
	if err := os.Mkdir(path+"2", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{path, path + "2"} { // one of them is empty
		before := names(t, there)
		if err := createFolder(there, fill); !errors.Is(err, fs.ErrExist) || names(t, there) != before {
			t.Errorf("made a second time: %v", err)
		}
	}
}
