//! Why a connection ends: a closed list, with the words for a person and the number that MQTT 5 has for it.

use mqtt_protocol_core::mqtt::result_code::DisconnectReasonCode;

/// Why a connection ended or was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The device said goodbye.
    #[error("the device disconnected")]
    Goodbye,
    /// The socket ended without a goodbye.
    #[error("the connection was lost")]
    Lost,
    /// The certificate is valid, but the relay does not admit this device (unknown, pending or revoked).
    #[error("the device is not admitted; accept it with `tillwire-relay device accept`, if it should be")]
    NotAdmitted,
    /// A newer connection with the same device identity took its place.
    #[error("a newer connection of the same device took over")]
    TakenOver,
    /// A person or a job cut the connection, for example because the device was revoked.
    #[error("cut by the relay: {0}")]
    Cut(String),
    /// The ingest refused a publish and asked for the connection to be closed.
    #[error("the relay refused what the device sent: {0}")]
    IngestRefused(String),
    /// A publish to any topic but the device's own.
    #[error("published on a topic that is not the device's own")]
    ForeignTopic,
    /// A topic longer than the limit.
    #[error("used a topic that is too long")]
    TopicTooLong,
    /// A publish with QoS 0 or 2.
    #[error("published with a quality of service other than 1")]
    QosNotSupported,
    /// A publish that asked to be retained.
    #[error("published a retained message")]
    RetainNotSupported,
    /// A will in CONNECT.
    #[error("connected with a will")]
    WillNotSupported,
    /// An authentication method in CONNECT; the certificate is the only one.
    #[error("connected with an authentication method")]
    AuthenticationMethod,
    /// Too many refused subscriptions on one connection.
    #[error("kept asking for topics that are not the device's own")]
    ForeignSubscriptions,
    /// A packet larger than its kind may be.
    #[error("sent a packet larger than allowed")]
    PacketTooLarge,
    /// Bytes that are not MQTT.
    #[error("sent bytes that are not MQTT")]
    Malformed,
    /// MQTT, but not at this moment or not from a device.
    #[error("sent a packet that is not allowed here")]
    Protocol,
    /// An MQTT version other than 3.1.1 and 5.
    #[error("speaks an MQTT version other than 3.1.1 and 5")]
    Version,
    /// No CONNECT in time.
    #[error("sent no CONNECT in time")]
    ConnectTimeout,
    /// Nothing heard for one and a half keep-alives.
    #[error("was silent for longer than its keep-alive allows")]
    KeepAlive,
    /// The device does not take what we write.
    #[error("did not take what the relay wrote")]
    WriteTimeout,
    /// The relay is stopping.
    #[error("the relay is stopping")]
    ShuttingDown,
    /// The task that served the connection panicked: a bug of ours.
    #[error("the connection's task failed; this is a defect of the relay")]
    Panicked,
}

impl CloseReason {
    /// Whether the peer did something that a well-behaved device never does.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Goodbye
                | Self::Lost
                | Self::TakenOver
                | Self::KeepAlive
                | Self::WriteTimeout
                | Self::ShuttingDown
                | Self::Panicked
        )
    }

    /// The DISCONNECT (and, where it exists there too, CONNACK) code of MQTT 5, section 2.4.
    pub(super) fn code(&self) -> DisconnectReasonCode {
        use DisconnectReasonCode as Code;
        match self {
            Self::Goodbye => Code::NormalDisconnection,
            Self::Lost | Self::WriteTimeout | Self::Panicked => Code::UnspecifiedError,
            Self::NotAdmitted | Self::ForeignTopic | Self::WillNotSupported | Self::ForeignSubscriptions => {
                Code::NotAuthorized
            }
            Self::TakenOver => Code::SessionTakenOver,
            Self::Cut(_) => Code::AdministrativeAction,
            Self::IngestRefused(_) => Code::ImplementationSpecificError,
            Self::TopicTooLong => Code::TopicNameInvalid,
            Self::QosNotSupported => Code::QosNotSupported,
            Self::RetainNotSupported => Code::RetainNotSupported,
            Self::PacketTooLarge => Code::PacketTooLarge,
            Self::Malformed => Code::MalformedPacket,
            Self::Protocol | Self::Version | Self::AuthenticationMethod => Code::ProtocolError,
            Self::ConnectTimeout | Self::KeepAlive => Code::KeepAliveTimeout,
            Self::ShuttingDown => Code::ServerShuttingDown,
        }
    }
}
