// Package unixsock opens unix sockets, and is the only package that does.
//
// A socket here stands in a folder that only its owner can enter, has mode
// 0600, and appears by being renamed into place when it already accepts, so
// that nobody ever finds one that does not. Its owner removes it at the end,
// but only while it is still the one it bound: a successor's is left alone.
//
// Paths may be of any length. The kernel takes 107 bytes; on Linux a longer
// path is reached through its opened parent folder.
package unixsock
