// What every folder needs of the system: files, data, JSON and the C library.
//
// On Linux that is the essentials of Foundation. The whole of it would bring ICU and Core Foundation along, which take
// 7 MB of a process's memory and nothing here uses.
#if canImport(FoundationEssentials)
    @_exported import FoundationEssentials
#else
    @_exported import Foundation
#endif
#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#endif
