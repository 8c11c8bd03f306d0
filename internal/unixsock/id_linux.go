package unixsock

import "syscall"

func idOf(st *syscall.Stat_t) ID {
	return ID{Dev: st.Dev, Ino: st.Ino, CtimeNano: st.Ctim.Nano()}
}
