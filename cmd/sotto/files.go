package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What the commands write is there as a whole or not at all, also after a power cut, and is for its user alone.

// createFile writes a new file. One that is there already stays as it is. A power cut may leave an empty one: its name is
// taken before it has its content, so that nobody else's file is replaced.
func createFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = f.Close()
	if err == nil {
		err = replaceFile(path, b)
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// replaceFile writes a file anew: the one that path leads to, where it is a symbolic link.
func replaceFile(path string, b []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return writeBeside(path, b)
}

// writeBeside writes a file beside its place and puts it there as a whole, whatever was there.
func writeBeside(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing once it was renamed
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// createFolder makes a folder of what fill puts into an unfinished one beside it. os.Rename replaces no folder.
func createFolder(path string, fill func(unfinished string) error) error {
	path = filepath.Clean(path)
	unfinished, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished) // finds nothing once it was renamed
	if err := fill(unfinished); err != nil {
		return err
	}
	syncFolder(unfinished)
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// mustBeNew refuses a path at which something is. It is asked before the user types a password for nothing.
func mustBeNew(path string) error {
	_, err := os.Lstat(filepath.Clean(path)) // without a slash at the end, which would follow a link
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fs.ErrExist
	}
	return fmt.Errorf("%s: %w", path, err)
}

// syncFolder makes names in a folder durable. Where a folder cannot be synced the operating system does it.
func syncFolder(path string) {
	if dir, err := os.Open(path); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
}
