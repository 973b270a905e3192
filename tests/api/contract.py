"""Names and types of Blink's public API, all of it: what the SDL is held against.

One type a paragraph: ``Name [implements Interface] = fields``, or the values of an enum, or the members of a
union. ``~`` marks what is deprecated. All of it is served. ``OURS`` names what this bank has beside it.
"""

TYPES = """
Account = callbackEndpoints: [CallbackEndpoint!]!; callbackPortalUrl: String!; csvTransactions(walletIds:
    [WalletId!]!): String!; defaultWallet: PublicWallet!; defaultWalletId: WalletId!~; displayCurrency:
    DisplayCurrency!; id: ID!; invoices(after: String, before: String, first: Int, last: Int, walletIds: [WalletId]):
    InvoiceConnection; level: AccountLevel!; limits: AccountLimits!; notificationSettings: NotificationSettings!;
    pendingIncomingTransactions(walletIds: [WalletId]): [Transaction!]!; realtimePrice: RealtimePrice!;
    transactions(after: String, before: String, first: Int, last: Int, walletIds: [WalletId]): TransactionConnection;
    walletById(walletId: WalletId!): Wallet!; wallets: [Wallet!]!
AccountDeletePayload = errors: [Error!]!; success: Boolean!
AccountDisableNotificationCategoryInput = category: NotificationCategory!; channel: NotificationChannel
AccountDisableNotificationChannelInput = channel: NotificationChannel!
AccountEnableNotificationCategoryInput = category: NotificationCategory!; channel: NotificationChannel
AccountEnableNotificationChannelInput = channel: NotificationChannel!
AccountLevel = ONE, THREE, TWO, ZERO
AccountLevelLimits = convert: CentAmount!; internalSend: CentAmount!; interval: Seconds!; level: AccountLevel!;
    withdrawal: CentAmount!
AccountLimit = interval: Seconds; remainingLimit: CentAmount; totalLimit: CentAmount!
AccountLimits = convert: [AccountLimit!]!; internalSend: [AccountLimit!]!; withdrawal: [AccountLimit!]!
AccountMigration = preview: AccountMigrationPreview!; status: MigrationStatus!; transferPaymentHash: String
AccountMigrationPreview = balanceSats: SatAmount!; feeCoveredByBlink: Boolean!; feeSats: SatAmount!; receiveSats:
    SatAmount!
AccountUpdateDefaultWalletIdInput = walletId: WalletId!
AccountUpdateDefaultWalletIdPayload = account: ConsumerAccount; errors: [Error!]!
AccountUpdateDisplayCurrencyInput = currency: DisplayCurrency!
AccountUpdateDisplayCurrencyPayload = account: ConsumerAccount; errors: [Error!]!
AccountUpdateNotificationSettingsPayload = account: ConsumerAccount; errors: [Error!]!
AccountWindDown = finalDeadline: Timestamp!; gateArmsAt: Timestamp!; receiveDisabledAt: Timestamp!; status:
    WindDownStatus!; timezone: String!
ApiKey = createdAt: Timestamp!; expired: Boolean!; expiresAt: Timestamp; id: ID!; lastUsedAt: Timestamp; limits:
    ApiKeyLimits!; name: String!; readOnly: Boolean!; revoked: Boolean!; scopes: [Scope!]!
ApiKeyCreateInput = expireInDays: Int; name: String!; scopes: [Scope!]! = [READ, WRITE]
ApiKeyCreatePayload = apiKey: ApiKey!; apiKeySecret: String!
ApiKeyLimits = annualLimitSats: Int; annualSpentSats: Int!; dailyLimitSats: Int; dailySpentSats: Int!;
    monthlyLimitSats: Int; monthlySpentSats: Int!; weeklyLimitSats: Int; weeklySpentSats: Int!
ApiKeyRemoveLimitInput = id: ID!; limitTimeWindow: LimitTimeWindow!
ApiKeyRevokeInput = id: ID!
ApiKeyRevokePayload = apiKey: ApiKey!
ApiKeySetLimitInput = id: ID!; limitSats: Int!; limitTimeWindow: LimitTimeWindow!
ApiKeySetLimitPayload = apiKey: ApiKey!
AuthTokenPayload = authToken: AuthToken; errors: [Error!]!; totpRequired: Boolean
Authorization = scopes: [Scope!]!
BTCWallet implements Wallet = accountId: ID!; balance: SignedAmount!; id: ID!; invoiceByPaymentHash(paymentHash:
    PaymentHash!): Invoice!; invoices(after: String, before: String, first: Int, last: Int): InvoiceConnection;
    pendingIncomingBalance: SignedAmount!; pendingIncomingTransactions: [Transaction!]!;
    pendingIncomingTransactionsByAddress(address: OnChainAddress!): [Transaction!]!; transactionById(transactionId:
    ID!): Transaction!; transactions(after: String, before: String, first: Int, last: Int): TransactionConnection;
    transactionsByAddress(after: String, before: String, first: Int, last: Int, address: OnChainAddress!):
    TransactionConnection; transactionsByPaymentHash(paymentHash: PaymentHash!): [Transaction!]!;
    transactionsByPaymentRequest(paymentRequest: LnPaymentRequest!): [Transaction!]!; walletCurrency: WalletCurrency!
BlockInfo = blockHash: String; blockHeight: Int
BuildInformation = commitHash: String; helmRevision: Int
CallbackEndpoint = id: EndpointId!; url: EndpointUrl!
CallbackEndpointAddInput = url: EndpointUrl!
CallbackEndpointAddPayload = errors: [Error!]!; id: EndpointId
CallbackEndpointDeleteInput = id: EndpointId!
CaptchaCreateChallengePayload = errors: [Error!]!; result: CaptchaCreateChallengeResult
CaptchaCreateChallengeResult = challengeCode: String!; failbackMode: Boolean!; id: String!; newCaptcha: Boolean!
CaptchaRequestAuthCodeInput = challengeCode: String!; channel: PhoneCodeChannelType; phone: Phone!; secCode: String!;
    validationCode: String!
CentAmountPayload = amount: CentAmount; errors: [Error!]!
ConsumerAccount implements Account = callbackEndpoints: [CallbackEndpoint!]!; callbackPortalUrl: String!;
    csvTransactions(walletIds: [WalletId!]!): String!; defaultWallet: PublicWallet!; defaultWalletId: WalletId!;
    displayCurrency: DisplayCurrency!; id: ID!; invoices(after: String, before: String, first: Int, last: Int,
    walletIds: [WalletId]): InvoiceConnection; level: AccountLevel!; limits: AccountLimits!; notificationSettings:
    NotificationSettings!; pendingIncomingTransactions(walletIds: [WalletId]): [Transaction!]!; quiz: [Quiz!]!;
    realtimePrice: RealtimePrice!; transactions(after: String, before: String, first: Int, last: Int, walletIds:
    [WalletId]): TransactionConnection; walletById(walletId: WalletId!): Wallet!; wallets: [Wallet!]!
Contact = createdAt: Timestamp!; displayName: ContactDisplayName; handle: ContactHandle!; id: ContactId!;
    transactionsCount: Int!; type: ContactType!
ContactCreateInput = displayName: ContactAlias; handle: ContactHandle; type: ContactType!
ContactPayload = contact: Contact; errors: [Error!]!
ContactType = INTRALEDGER, LNADDRESS
Coordinates = latitude: Float!; longitude: Float!
Country = id: CountryCode!; supportedAuthChannels: [PhoneCodeChannelType!]!
Currency = flag: String!; fractionDigits: Int!; id: ID!; name: String!; symbol: String!
CurrencyConversionEstimation = btcSatAmount: SatAmount!; id: ID!; timestamp: Timestamp!; usdCentAmount: CentAmount!
CustodialRestrictions = dollarBalance: Boolean!; transfer: Boolean!
DepositFeeTier = amount: String!; maxAmount: String
DepositFeesInformation = minBankFee: String!; minBankFeeThreshold: String!; ratio: String!~; tiers: [DepositFeeTier!]!
DeviceNotificationTokenCreateInput = deviceToken: String!
Email = address: EmailAddress; verified: Boolean
Error = code: String; message: String!; path: [String]
ExchangeCurrencyUnit = BTCSAT, USDCENT
FeedbackSubmitInput = feedback: Feedback!
FeesInformation = deposit: DepositFeesInformation!
Globals = accountLimitsByLevel: [AccountLevelLimits!]!; blockInfo: BlockInfo; buildInformation: BuildInformation!;
    feesInformation: FeesInformation!; lightningAddressDomain: String!; lightningAddressDomainAliases: [String!]!;
    network: Network!; nodesIds: [String!]!; supportedCountries: [Country!]!
GraphQLApplicationError implements Error = code: String; message: String!; path: [String]
Icon = ARROW_LEFT, ARROW_RIGHT, BACK_SPACE, BANK, BELL, BITCOIN, BOOK, BTC_BOOK, CARET_DOWN, CARET_LEFT, CARET_RIGHT,
    CARET_UP, CHECK, CHECK_CIRCLE, CLOSE, CLOSE_CROSS_WITH_BACKGROUND, COINS, COPY_PASTE, DOLLAR, EYE, EYE_SLASH,
    FILTER, GLOBE, GRAPH, IMAGE, INFO, LIGHTNING, LINK, LOADING, MAGNIFYING_GLASS, MAP, MENU, NOTE, PAYMENT_ERROR,
    PAYMENT_PENDING, PAYMENT_SUCCESS, PENCIL, PEOPLE, QR_CODE, QUESTION, RANK, RECEIVE, REFRESH, SEND, SETTINGS,
    SHARE, TRANSFER, USER, VIDEO, WARNING, WARNING_WITH_BACKGROUND
InitiationVia = InitiationViaIntraLedger, InitiationViaLn, InitiationViaOnChain
InitiationViaIntraLedger = counterPartyUsername: Username; counterPartyWalletId: WalletId
InitiationViaLn = paymentHash: PaymentHash!; paymentRequest: LnPaymentRequest!
InitiationViaOnChain = address: OnChainAddress!
IntraLedgerPaymentSendInput = amount: SatAmount!; memo: Memo; recipientWalletId: WalletId!; walletId: WalletId!
IntraLedgerUpdate = amount: SatAmount!~; displayCurrencyPerSat: Float!~; transaction: Transaction!;
    txNotificationType: TxNotificationType!; usdPerSat: Float!~; walletId: WalletId!~
IntraLedgerUsdPaymentSendInput = amount: CentAmount!; memo: Memo; recipientWalletId: WalletId!; walletId: WalletId!
Invoice = createdAt: Timestamp!; externalId: TxExternalId!; paymentHash: PaymentHash!; paymentRequest:
    LnPaymentRequest!; paymentSecret: LnPaymentSecret!; paymentStatus: InvoicePaymentStatus!
InvoiceConnection = edges: [InvoiceEdge!]; pageInfo: PageInfo!
InvoiceEdge = cursor: String!; node: Invoice!
InvoicePaymentStatus = EXPIRED, PAID, PENDING
LimitTimeWindow = ANNUAL, DAILY, MONTHLY, WEEKLY
LnAddressPaymentSendInput = amount: SatAmount!; lnAddress: String!; walletId: WalletId!
LnInvoice implements Invoice = createdAt: Timestamp!; externalId: TxExternalId!; paymentHash: PaymentHash!;
    paymentRequest: LnPaymentRequest!; paymentSecret: LnPaymentSecret!; paymentStatus: InvoicePaymentStatus!;
    satoshis: SatAmount!
LnInvoiceCancelInput = paymentHash: PaymentHash!; walletId: WalletId!
LnInvoiceCreateInput = amount: SatAmount!; expiresIn: Minutes; externalId: TxExternalId; memo: Memo; walletId:
    WalletId!
LnInvoiceCreateOnBehalfOfRecipientInput = amount: SatAmount!; descriptionHash: Hex32Bytes; expiresIn: Minutes;
    externalId: TxExternalId; memo: Memo; recipientWalletId: WalletId!; webhookUrl: EndpointUrl
LnInvoiceFeeProbeInput = paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnInvoicePayload = errors: [Error!]!; invoice: LnInvoice
LnInvoicePaymentInput = memo: Memo; paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnInvoicePaymentStatus = paymentHash: PaymentHash; paymentPreimage: LnPaymentPreImage; paymentRequest:
    LnPaymentRequest; status: InvoicePaymentStatus
LnInvoicePaymentStatusByHashInput = paymentHash: PaymentHash!
LnInvoicePaymentStatusByPaymentRequestInput = paymentRequest: LnPaymentRequest!
LnInvoicePaymentStatusInput = paymentRequest: LnPaymentRequest!
LnInvoicePaymentStatusPayload = errors: [Error!]!; paymentHash: PaymentHash; paymentPreimage: LnPaymentPreImage;
    paymentRequest: LnPaymentRequest; status: InvoicePaymentStatus
LnNoAmountInvoice implements Invoice = createdAt: Timestamp!; externalId: TxExternalId!; paymentHash: PaymentHash!;
    paymentRequest: LnPaymentRequest!; paymentSecret: LnPaymentSecret!; paymentStatus: InvoicePaymentStatus!
LnNoAmountInvoiceCreateInput = expiresIn: Minutes; externalId: TxExternalId; memo: Memo; walletId: WalletId!
LnNoAmountInvoiceCreateOnBehalfOfRecipientInput = expiresIn: Minutes; externalId: TxExternalId; memo: Memo;
    recipientWalletId: WalletId!; webhookUrl: EndpointUrl
LnNoAmountInvoiceFeeProbeInput = amount: SatAmount!; paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnNoAmountInvoicePayload = errors: [Error!]!; invoice: LnNoAmountInvoice
LnNoAmountInvoicePaymentInput = amount: SatAmount!; memo: Memo; paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnNoAmountUsdInvoiceFeeProbeInput = amount: CentAmount!; paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnNoAmountUsdInvoicePaymentInput = amount: CentAmount!; memo: Memo; paymentRequest: LnPaymentRequest!; walletId:
    WalletId!
LnUpdate = paymentHash: PaymentHash!~; status: InvoicePaymentStatus!; transaction: Transaction!; walletId: WalletId!~
LnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipientInput = amount: SatAmount!; descriptionHash: Hex32Bytes; expiresIn:
    Minutes; externalId: TxExternalId; memo: Memo; recipientWalletId: WalletId!; webhookUrl: EndpointUrl
LnUsdInvoiceCreateInput = amount: CentAmount!; expiresIn: Minutes; externalId: TxExternalId; memo: Memo; walletId:
    WalletId!
LnUsdInvoiceCreateOnBehalfOfRecipientInput = amount: CentAmount!; descriptionHash: Hex32Bytes; expiresIn: Minutes;
    externalId: TxExternalId; memo: Memo; recipientWalletId: WalletId!; webhookUrl: EndpointUrl
LnUsdInvoiceFeeProbeInput = paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnurlPaymentSendInput = amount: SatAmount!; lnurl: String!; walletId: WalletId!
MapInfo = coordinates: Coordinates!; title: String!
MapMarker = mapInfo: MapInfo!; username: Username!
Merchant = coordinates: Coordinates!; createdAt: Timestamp!; id: ID!; title: String!; username: Username!; validated:
    Boolean!
MerchantMapSuggestInput = latitude: Float!; longitude: Float!; title: String!; username: Username!
MerchantPayload = errors: [Error!]!; merchant: Merchant
MigrationCommitInput = backupAttested: Boolean!; disclosureVersion: String!; proofSignature: String!; proofTimestamp:
    SafeInt!; sparkInvoice: LnPaymentRequest!; sparkPubkey: String!
MigrationLnAddressTransferInput = proofSignature: String!; proofTimestamp: SafeInt!; sparkPubkey: String!
MigrationLnAddressTransferPayload = errors: [Error!]!; results: [MigrationLnAddressTransferResult!]!
MigrationLnAddressTransferResult = identifier: String!; lightningAddress: String; status:
    MigrationLnAddressTransferStatus!
MigrationLnAddressTransferStatus = ALREADY_TRANSFERRED, FAILED, SKIPPED_NOT_REGISTERED, TRANSFERRED
MigrationPayload = errors: [Error!]!; migration: AccountMigration
MigrationStatus = COMPLETED, FAILED, IN_PROGRESS, NOT_STARTED, TRANSFERRING
MobileVersions = currentSupported: Int!; minSupported: Int!; platform: String!
MyUpdatesPayload = errors: [Error!]!; me: User; update: UserUpdate
Network = mainnet, regtest, signet, testnet
NotificationAction = OpenDeepLinkAction, OpenExternalLinkAction
NotificationChannel = PUSH
NotificationChannelSettings = disabledCategories: [NotificationCategory!]!; enabled: Boolean!
NotificationSettings = push: NotificationChannelSettings!
OnChainAddressCreateInput = walletId: WalletId!
OnChainAddressCurrentInput = walletId: WalletId!
OnChainAddressPayload = address: OnChainAddress; errors: [Error!]!
OnChainPaymentSendAllInput = address: OnChainAddress!; memo: Memo; speed: PayoutSpeed! = FAST; walletId: WalletId!
OnChainPaymentSendInput = address: OnChainAddress!; amount: SatAmount!; memo: Memo; speed: PayoutSpeed! = FAST;
    walletId: WalletId!
OnChainTxFee = amount: SatAmount!
OnChainUpdate = amount: SatAmount!~; displayCurrencyPerSat: Float!~; transaction: Transaction!; txHash:
    OnChainTxHash!~; txNotificationType: TxNotificationType!; usdPerSat: Float!~; walletId: WalletId!~
OnChainUsdPaymentSendAsBtcDenominatedInput = address: OnChainAddress!; amount: SatAmount!; memo: Memo; speed:
    PayoutSpeed! = FAST; walletId: WalletId!
OnChainUsdPaymentSendInput = address: OnChainAddress!; amount: CentAmount!; memo: Memo; speed: PayoutSpeed! = FAST;
    walletId: WalletId!
OnChainUsdTxFee = amount: CentAmount!
OneDayAccountLimit implements AccountLimit = interval: Seconds; remainingLimit: CentAmount; totalLimit: CentAmount!
OpenDeepLinkAction = deepLink: String!; label: String
OpenExternalLinkAction = label: String; url: String!
PageInfo = endCursor: String; hasNextPage: Boolean!; hasPreviousPage: Boolean!; startCursor: String
PaymentSendPayload = errors: [Error!]!; status: PaymentSendResult; transaction: Transaction
PaymentSendResult = ALREADY_PAID, FAILURE, PENDING, SUCCESS
PayoutSpeed = FAST, MEDIUM, SLOW
PayoutSpeeds = description: String!; displayName: String!; speed: PayoutSpeed!
PhoneCodeChannelType = SMS, TELEGRAM, WHATSAPP
Price = base: SafeInt!; currencyUnit: String!; formattedAmount: String!; offset: Int!
PriceGraphRange = FIVE_YEARS, ONE_DAY, ONE_MONTH, ONE_WEEK, ONE_YEAR
PriceInput = amount: SatAmount!; amountCurrencyUnit: ExchangeCurrencyUnit!; priceCurrencyUnit: ExchangeCurrencyUnit!
PriceInterface = base: SafeInt!; currencyUnit: String!~; offset: Int!
PriceOfOneSatInMinorUnit implements PriceInterface = base: SafeInt!; currencyUnit: String!~; offset: Int!
PriceOfOneSettlementMinorUnitInDisplayMinorUnit implements PriceInterface = base: SafeInt!; currencyUnit: String!~;
    formattedAmount: String!~; offset: Int!
PriceOfOneUsdCentInMinorUnit implements PriceInterface = base: SafeInt!; currencyUnit: String!~; offset: Int!
PricePayload = errors: [Error!]!; price: Price
PricePoint = price: Price!; timestamp: Timestamp!
PublicWallet = currency: WalletCurrency!; id: ID!; walletCurrency: WalletCurrency!~
Quiz = amount: SatAmount!; completed: Boolean!; id: ID!; notBefore: Timestamp
QuizClaimInput = id: ID!; skipRewards: Boolean = false
QuizClaimPayload = errors: [Error!]!; quizzes: [Quiz!]!
RealtimePrice = btcSatPrice: PriceOfOneSatInMinorUnit!; denominatorCurrency: DisplayCurrency!~;
    denominatorCurrencyDetails: Currency!; id: ID!; timestamp: Timestamp!; usdCentPrice: PriceOfOneUsdCentInMinorUnit!
RealtimePriceInput = currency: DisplayCurrency = "USD"
RealtimePricePayload = errors: [Error!]!; realtimePrice: RealtimePrice
RegionCheck = countryCode: String; custodialCreationAllowed: Boolean!; restricted: Boolean!
SatAmountPayload = amount: SatAmount; errors: [Error!]!
Scope = READ, RECEIVE, WRITE
SettlementVia = SettlementViaIntraLedger, SettlementViaLn, SettlementViaOnChain
SettlementViaIntraLedger = counterPartyUsername: Username; counterPartyWalletId: WalletId; preImage: LnPaymentPreImage
SettlementViaLn = paymentSecret: LnPaymentSecret~; preImage: LnPaymentPreImage
SettlementViaOnChain = arrivalInMempoolEstimatedAt: Timestamp; transactionHash: OnChainTxHash; vout: Int
StatefulNotification = acknowledgedAt: Timestamp; action: NotificationAction; body: String!; bulletinEnabled:
    Boolean!; createdAt: Timestamp!; deepLink: String; icon: Icon; id: ID!; title: String!
StatefulNotificationAcknowledgeInput = notificationId: ID!
StatefulNotificationAcknowledgePayload = notification: StatefulNotification!
StatefulNotificationConnection = edges: [StatefulNotificationEdge!]!; nodes: [StatefulNotification!]!; pageInfo:
    PageInfo!
StatefulNotificationEdge = cursor: String!; node: StatefulNotification!
SuccessPayload = errors: [Error!]!; success: Boolean
SupportChatMessageAddInput = message: String!
SupportChatMessageAddPayload = errors: [Error!]!; supportMessage: [SupportMessage]
SupportMessage = id: ID!; message: String!; role: SupportRole!; timestamp: Timestamp!
SupportRole = ASSISTANT, USER
Transaction = createdAt: Timestamp!; direction: TxDirection!; externalId: TxExternalId; id: ID!; initiationVia:
    InitiationVia!; memo: Memo; settlementAmount: SignedAmount!; settlementCurrency: WalletCurrency!;
    settlementDisplayAmount: SignedDisplayMajorAmount!; settlementDisplayCurrency: DisplayCurrency!;
    settlementDisplayFee: SignedDisplayMajorAmount!; settlementFee: SignedAmount!; settlementPrice:
    PriceOfOneSettlementMinorUnitInDisplayMinorUnit!; settlementVia: SettlementVia!; status: TxStatus!
TransactionConnection = edges: [TransactionEdge!]; pageInfo: PageInfo!
TransactionEdge = cursor: String!; node: Transaction!
TxDirection = RECEIVE, SEND
TxNotificationType = IntraLedgerPayment, IntraLedgerReceipt, LigtningReceipt, OnchainPayment, OnchainReceipt,
    OnchainReceiptPending
TxStatus = FAILURE, PENDING, SUCCESS
UpgradePayload = authToken: AuthToken; errors: [Error!]!; success: Boolean!
UsdWallet implements Wallet = accountId: ID!; balance: SignedAmount!; id: ID!; invoiceByPaymentHash(paymentHash:
    PaymentHash!): Invoice!; invoices(after: String, before: String, first: Int, last: Int): InvoiceConnection;
    pendingIncomingBalance: SignedAmount!; pendingIncomingTransactions: [Transaction!]!;
    pendingIncomingTransactionsByAddress(address: OnChainAddress!): [Transaction!]!; transactionById(transactionId:
    ID!): Transaction!; transactions(after: String, before: String, first: Int, last: Int): TransactionConnection;
    transactionsByAddress(after: String, before: String, first: Int, last: Int, address: OnChainAddress!):
    TransactionConnection; transactionsByPaymentHash(paymentHash: PaymentHash!): [Transaction!]!;
    transactionsByPaymentRequest(paymentRequest: LnPaymentRequest!): [Transaction!]!; walletCurrency: WalletCurrency!
User = apiKeys: [ApiKey!]!; contactByUsername(username: Username!): UserContact!~; contacts: [UserContact!]!~;
    createdAt: Timestamp!; defaultAccount: Account!; email: Email; id: ID!; language: Language!; phone: Phone;
    statefulNotifications(first: Int!, after: String): StatefulNotificationConnection!;
    statefulNotificationsWithoutBulletinEnabled(first: Int!, after: String): StatefulNotificationConnection!;
    supportChat: [SupportMessage!]!; totpEnabled: Boolean!;
    unacknowledgedStatefulNotificationsWithBulletinEnabled(first: Int!, after: String):
    StatefulNotificationConnection!; unacknowledgedStatefulNotificationsWithoutBulletinEnabledCount: Int!; username:
    Username~
UserContact = alias: ContactAlias; handle: ContactHandle!; id: ContactHandle!; transactions(after: String, before:
    String, first: Int, last: Int): TransactionConnection; transactionsCount: Int!; username: Username!~
UserContactUpdateAliasInput = alias: ContactAlias!; username: Username!
UserContactUpdateAliasPayload = contact: UserContact; errors: [Error!]!
UserEmailDeletePayload = errors: [Error!]!; me: User
UserEmailRegistrationInitiateInput = email: EmailAddress!
UserEmailRegistrationInitiatePayload = emailRegistrationId: EmailRegistrationId; errors: [Error!]!; me: User
UserEmailRegistrationValidateInput = code: OneTimeAuthCode!; emailRegistrationId: EmailRegistrationId!
UserEmailRegistrationValidatePayload = errors: [Error!]!; me: User
UserLoginInput = code: OneTimeAuthCode!; phone: Phone!
UserLoginUpgradeInput = code: OneTimeAuthCode!; phone: Phone!
UserLoginUpgradeTelegramInput = nonce: TelegramPassportNonce!; phone: Phone!
UserLogoutInput = deviceToken: String!
UserPhoneDeletePayload = errors: [Error!]!; me: User
UserPhoneRegistrationInitiateInput = channel: PhoneCodeChannelType; phone: Phone!
UserPhoneRegistrationValidateInput = code: OneTimeAuthCode!; phone: Phone!
UserPhoneRegistrationValidatePayload = errors: [Error!]!; me: User
UserTotpDeletePayload = errors: [Error!]!; me: User
UserTotpRegistrationInitiatePayload = errors: [Error!]!; totpRegistrationId: TotpRegistrationId; totpSecret:
    TotpSecret
UserTotpRegistrationValidateInput = authToken: AuthToken; totpCode: TotpCode!; totpRegistrationId: TotpRegistrationId!
UserTotpRegistrationValidatePayload = errors: [Error!]!; me: User
UserUpdate = IntraLedgerUpdate, LnUpdate, OnChainUpdate, Price, RealtimePrice
UserUpdateLanguageInput = language: Language!
UserUpdateLanguagePayload = errors: [Error!]!; user: User
UserUpdateUsernameInput = username: Username!
UserUpdateUsernamePayload = errors: [Error!]!; user: User
Wallet = accountId: ID!; balance: SignedAmount!; id: ID!; invoiceByPaymentHash(paymentHash: PaymentHash!): Invoice!;
    invoices(after: String, before: String, first: Int, last: Int): InvoiceConnection; pendingIncomingBalance:
    SignedAmount!; pendingIncomingTransactions: [Transaction!]!; pendingIncomingTransactionsByAddress(address:
    OnChainAddress!): [Transaction!]!; transactionById(transactionId: ID!): Transaction!; transactions(after: String,
    before: String, first: Int, last: Int): TransactionConnection; transactionsByAddress(after: String, before:
    String, first: Int, last: Int, address: OnChainAddress!): TransactionConnection;
    transactionsByPaymentHash(paymentHash: PaymentHash!): [Transaction!]!;
    transactionsByPaymentRequest(paymentRequest: LnPaymentRequest!): [Transaction!]!; walletCurrency: WalletCurrency!
WalletCurrency = BTC, USD
WindDownStatus = GATED_CLOSED, PRE_CUTOFF, RECEIVE_DISABLED
"""

QUERY = """
accountDefaultWallet(username: Username!, walletCurrency: WalletCurrency): PublicWallet!
authorization: Authorization!
btcPriceList(range: PriceGraphRange!): [PricePoint]
businessMapMarkers: [MapMarker!]!
currencyConversionEstimation(amount: Float!, currency: DisplayCurrency!): CurrencyConversionEstimation!
currencyList: [Currency!]!
custodialRestrictions: CustodialRestrictions!
globals: Globals
lnInvoicePaymentStatus(input: LnInvoicePaymentStatusInput!): LnInvoicePaymentStatusPayload!~
lnInvoicePaymentStatusByHash(input: LnInvoicePaymentStatusByHashInput!): LnInvoicePaymentStatus!
lnInvoicePaymentStatusByPaymentRequest(input: LnInvoicePaymentStatusByPaymentRequestInput!): LnInvoicePaymentStatus!
me: User
migration: AccountMigration
mobileVersions: [MobileVersions]
onChainTxFee(address: OnChainAddress!, amount: SatAmount!, speed: PayoutSpeed! = FAST, walletId: WalletId!):
    OnChainTxFee!
onChainUsdTxFee(address: OnChainAddress!, amount: CentAmount!, speed: PayoutSpeed! = FAST, walletId: WalletId!):
    OnChainUsdTxFee!
onChainUsdTxFeeAsBtcDenominated(address: OnChainAddress!, amount: SatAmount!, speed: PayoutSpeed! = FAST, walletId:
    WalletId!): OnChainUsdTxFee!
payoutSpeeds: [PayoutSpeeds!]!
realtimePrice(currency: DisplayCurrency = "USD"): RealtimePrice!
regionCheck: RegionCheck!
userDefaultWalletId(username: Username!): WalletId!~
usernameAvailable(username: Username!): Boolean
windDown: AccountWindDown
"""

MUTATION = """
accountDelete: AccountDeletePayload!
accountDisableNotificationCategory(input: AccountDisableNotificationCategoryInput!):
    AccountUpdateNotificationSettingsPayload!
accountDisableNotificationChannel(input: AccountDisableNotificationChannelInput!):
    AccountUpdateNotificationSettingsPayload!
accountEnableNotificationCategory(input: AccountEnableNotificationCategoryInput!):
    AccountUpdateNotificationSettingsPayload!
accountEnableNotificationChannel(input: AccountEnableNotificationChannelInput!):
    AccountUpdateNotificationSettingsPayload!
accountUpdateDefaultWalletId(input: AccountUpdateDefaultWalletIdInput!): AccountUpdateDefaultWalletIdPayload!
accountUpdateDisplayCurrency(input: AccountUpdateDisplayCurrencyInput!): AccountUpdateDisplayCurrencyPayload!
apiKeyCreate(input: ApiKeyCreateInput!): ApiKeyCreatePayload!
apiKeyRemoveLimit(input: ApiKeyRemoveLimitInput!): ApiKeySetLimitPayload!
apiKeyRevoke(input: ApiKeyRevokeInput!): ApiKeyRevokePayload!
apiKeySetLimit(input: ApiKeySetLimitInput!): ApiKeySetLimitPayload!
callbackEndpointAdd(input: CallbackEndpointAddInput!): CallbackEndpointAddPayload!
callbackEndpointDelete(input: CallbackEndpointDeleteInput!): SuccessPayload!
captchaCreateChallenge: CaptchaCreateChallengePayload!
captchaRequestAuthCode(input: CaptchaRequestAuthCodeInput!): SuccessPayload!
contactCreate(input: ContactCreateInput!): ContactPayload!
deviceNotificationTokenCreate(input: DeviceNotificationTokenCreateInput!): SuccessPayload!
feedbackSubmit(input: FeedbackSubmitInput!): SuccessPayload!
intraLedgerPaymentSend(input: IntraLedgerPaymentSendInput!): PaymentSendPayload!
intraLedgerUsdPaymentSend(input: IntraLedgerUsdPaymentSendInput!): PaymentSendPayload!
lnAddressPaymentSend(input: LnAddressPaymentSendInput!): PaymentSendPayload!
lnInvoiceCancel(input: LnInvoiceCancelInput!): SuccessPayload!
lnInvoiceCreate(input: LnInvoiceCreateInput!): LnInvoicePayload!
lnInvoiceCreateOnBehalfOfRecipient(input: LnInvoiceCreateOnBehalfOfRecipientInput!): LnInvoicePayload!
lnInvoiceFeeProbe(input: LnInvoiceFeeProbeInput!): SatAmountPayload!
lnInvoicePaymentSend(input: LnInvoicePaymentInput!): PaymentSendPayload!
lnNoAmountInvoiceCreate(input: LnNoAmountInvoiceCreateInput!): LnNoAmountInvoicePayload!
lnNoAmountInvoiceCreateOnBehalfOfRecipient(input: LnNoAmountInvoiceCreateOnBehalfOfRecipientInput!):
    LnNoAmountInvoicePayload!
lnNoAmountInvoiceFeeProbe(input: LnNoAmountInvoiceFeeProbeInput!): SatAmountPayload!
lnNoAmountInvoicePaymentSend(input: LnNoAmountInvoicePaymentInput!): PaymentSendPayload!
lnNoAmountUsdInvoiceFeeProbe(input: LnNoAmountUsdInvoiceFeeProbeInput!): CentAmountPayload!
lnNoAmountUsdInvoicePaymentSend(input: LnNoAmountUsdInvoicePaymentInput!): PaymentSendPayload!
lnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipient(input: LnUsdInvoiceBtcDenominatedCreateOnBehalfOfRecipientInput!):
    LnInvoicePayload!
lnUsdInvoiceCreate(input: LnUsdInvoiceCreateInput!): LnInvoicePayload!
lnUsdInvoiceCreateOnBehalfOfRecipient(input: LnUsdInvoiceCreateOnBehalfOfRecipientInput!): LnInvoicePayload!
lnUsdInvoiceFeeProbe(input: LnUsdInvoiceFeeProbeInput!): SatAmountPayload!
lnurlPaymentSend(input: LnurlPaymentSendInput!): PaymentSendPayload!
merchantMapSuggest(input: MerchantMapSuggestInput!): MerchantPayload!
migrationCommit(input: MigrationCommitInput!): MigrationPayload!
migrationLnAddressTransfer(input: MigrationLnAddressTransferInput!): MigrationLnAddressTransferPayload!
migrationStart: MigrationPayload!
onChainAddressCreate(input: OnChainAddressCreateInput!): OnChainAddressPayload!
onChainAddressCurrent(input: OnChainAddressCurrentInput!): OnChainAddressPayload!
onChainPaymentSend(input: OnChainPaymentSendInput!): PaymentSendPayload!
onChainPaymentSendAll(input: OnChainPaymentSendAllInput!): PaymentSendPayload!
onChainUsdPaymentSend(input: OnChainUsdPaymentSendInput!): PaymentSendPayload!
onChainUsdPaymentSendAsBtcDenominated(input: OnChainUsdPaymentSendAsBtcDenominatedInput!): PaymentSendPayload!
quizClaim(input: QuizClaimInput!): QuizClaimPayload!
statefulNotificationAcknowledge(input: StatefulNotificationAcknowledgeInput!): StatefulNotificationAcknowledgePayload!
supportChatMessageAdd(input: SupportChatMessageAddInput!): SupportChatMessageAddPayload!
supportChatReset: SuccessPayload!
userContactUpdateAlias(input: UserContactUpdateAliasInput!): UserContactUpdateAliasPayload!~
userEmailDelete: UserEmailDeletePayload!
userEmailRegistrationInitiate(input: UserEmailRegistrationInitiateInput!): UserEmailRegistrationInitiatePayload!
userEmailRegistrationValidate(input: UserEmailRegistrationValidateInput!): UserEmailRegistrationValidatePayload!
userLogin(input: UserLoginInput!): AuthTokenPayload!
userLoginUpgrade(input: UserLoginUpgradeInput!): UpgradePayload!
userLoginUpgradeTelegram(input: UserLoginUpgradeTelegramInput!): UpgradePayload!
userLogout(input: UserLogoutInput): SuccessPayload!
userPhoneDelete: UserPhoneDeletePayload!
userPhoneRegistrationInitiate(input: UserPhoneRegistrationInitiateInput!): SuccessPayload!
userPhoneRegistrationValidate(input: UserPhoneRegistrationValidateInput!): UserPhoneRegistrationValidatePayload!
userTotpDelete: UserTotpDeletePayload!
userTotpRegistrationInitiate: UserTotpRegistrationInitiatePayload!
userTotpRegistrationValidate(input: UserTotpRegistrationValidateInput!): UserTotpRegistrationValidatePayload!
userUpdateLanguage(input: UserUpdateLanguageInput!): UserUpdateLanguagePayload!
userUpdateUsername(input: UserUpdateUsernameInput!): UserUpdateUsernamePayload!~
"""

SUBSCRIPTION = """
lnInvoicePaymentStatus(input: LnInvoicePaymentStatusInput!): LnInvoicePaymentStatusPayload!~
lnInvoicePaymentStatusByHash(input: LnInvoicePaymentStatusByHashInput!): LnInvoicePaymentStatusPayload!
lnInvoicePaymentStatusByPaymentRequest(input: LnInvoicePaymentStatusByPaymentRequestInput!):
    LnInvoicePaymentStatusPayload!
myUpdates: MyUpdatesPayload!
price(input: PriceInput!): PricePayload!
realtimePrice(input: RealtimePriceInput!): RealtimePricePayload!
"""

SCALARS = """
AuthToken CentAmount ContactAlias ContactDisplayName ContactHandle ContactId CountryCode DisplayCurrency EmailAddress
EmailRegistrationId EndpointId EndpointUrl Feedback Hex32Bytes Language LnPaymentPreImage LnPaymentRequest
LnPaymentSecret Memo Minutes NotificationCategory OnChainAddress OnChainTxHash OneTimeAuthCode PaymentHash Phone SafeInt
SatAmount Seconds SignedAmount SignedDisplayMajorAmount TelegramPassportNonce Timestamp TotpCode TotpRegistrationId
TotpSecret TxExternalId Username WalletId
"""

CODES = """
INVALID_INPUT TRANSACTION_RESTRICTED INSUFFICIENT_BALANCE CANT_PAY_SELF LIGHTNING_PAYMENT_ERROR ROUTE_FINDING_ERROR
INVOICE_DECODE_ERROR LND_OFFLINE DEALER_OFFLINE DEALER_ERROR PRICE_SERVICE_OFFLINE NOT_FOUND USERNAME_ERROR
PHONE_CODE_ERROR PHONE_PROVIDER_ERROR TOO_MANY_REQUEST NOT_AUTHENTICATED NOT_AUTHORIZED EMAIL_NOT_VERIFIED_ERROR
EMAIL_ALREADY_ATTACHED_ERROR EMAIL_ACCOUNT_ALREADY_EXISTS_ERROR PHONE_ALREADY_ATTACHED_ERROR
PHONE_ACCOUNT_ALREADY_EXISTS_ERROR PHONE_ACCOUNT_ALREADY_EXISTS_NEED_TO_SWEEP_FUNDS_ERROR
TOTP_ACCOUNT_ALREADY_EXISTS_ERROR CODE_EXPIRED_ERROR SESSION_REFRESH_REQUIRED_ERROR BAD_ERROR_CODE
IP_NOT_ALLOWED_TO_ONBOARD_ERROR PHONE_NOT_ALLOWED_TO_ONBOARD_ERROR INVALID_PHONE_METADATA_FOR_ONBOARDING_ERROR
UNAUTHORIZED_IP_FOR_QUIZZES UNAUTHORIZED_VPN_IP_FOR_QUIZZES UNAUTHORIZED_COUNTRY_IP_FOR_QUIZZES QUIZ_CLAIMED_TOO_EARLY
LNURL_REQUEST_INVOICE_ERROR INVALID_COORDINATES INVALID_TITLE OPERATION_RESTRICTED RECEIVE_DISABLED
MIGRATION_STATE_CONFLICT MIGRATION_INVALID_DESTINATION MIGRATION_ON_HOLD MIGRATION_API_KEY_FORBIDDEN DB_ERROR
UNEXPECTED_CLIENT_ERROR UNKNOWN_CLIENT_ERROR ENTERED_DUST_AMOUNT ONCHAIN_PAYMENT_ERROR ONCHAIN_FEE_ESTIMATION_ERROR
LIQUIDITY_ERROR NEW_ACCOUNT_WITHDRAWAL_RESTRICTED REJECTED_CAPTCHA_FAILED IP_MISSING_IN_CONTEXT_ERROR
"""

OURS = {
    "User": {"sessions"},
    "SettlementViaOnChain": {"confirmations", "confirmationsNeeded"},
    "Transaction": {"successAction"},
    "Mutation": {"sessionRevoke", "exchange", "exchangeQuoteCreate", "quizCompleted"},
}
OUR_TYPES = {
    "Session", "SessionRevokeInput",
    "ExchangeInput", "ExchangeQuote", "ExchangeQuoteCreateInput", "ExchangeQuotePayload",
    "QuizCompletedInput", "QuizCompletedPayload", "SuccessAction",
}  # fmt: skip
