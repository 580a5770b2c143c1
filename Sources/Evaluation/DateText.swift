import Basics

extension Date {
    /// As in `2026-03-01 09:30:00`, universal time.
    var text: String {
        formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false).dateTimeSeparator(.space))
    }
}
