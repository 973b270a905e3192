"""Names and types of Blink's public API, for the part that is served: what the SDL is held against.

One type a paragraph: ``Name [implements Interface] = fields``, or the values of an enum, or the members
of a union. The whole of each type stands here; ``NOT_YET`` says which fields are still left out.
"""

TYPES = """
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
LimitTimeWindow = ANNUAL, DAILY, MONTHLY, WEEKLY
UpgradePayload = authToken: AuthToken; errors: [Error!]!; success: Boolean!
UserEmailDeletePayload = errors: [Error!]!; me: User
UserEmailRegistrationInitiateInput = email: EmailAddress!
UserEmailRegistrationInitiatePayload = emailRegistrationId: EmailRegistrationId; errors: [Error!]!; me: User
UserEmailRegistrationValidateInput = code: OneTimeAuthCode!; emailRegistrationId: EmailRegistrationId!
UserEmailRegistrationValidatePayload = errors: [Error!]!; me: User
UserLoginUpgradeInput = code: OneTimeAuthCode!; phone: Phone!
UserLoginUpgradeTelegramInput = nonce: TelegramPassportNonce!; phone: Phone!
UserPhoneDeletePayload = errors: [Error!]!; me: User
UserPhoneRegistrationInitiateInput = channel: PhoneCodeChannelType; phone: Phone!
UserPhoneRegistrationValidateInput = code: OneTimeAuthCode!; phone: Phone!
UserPhoneRegistrationValidatePayload = errors: [Error!]!; me: User
UserTotpDeletePayload = errors: [Error!]!; me: User
UserTotpRegistrationInitiatePayload = errors: [Error!]!; totpRegistrationId: TotpRegistrationId; totpSecret: TotpSecret
UserTotpRegistrationValidateInput = authToken: AuthToken; totpCode: TotpCode!; totpRegistrationId: TotpRegistrationId!
UserTotpRegistrationValidatePayload = errors: [Error!]!; me: User
Account = callbackEndpoints: [CallbackEndpoint!]!; callbackPortalUrl: String!; csvTransactions(walletIds:
    [WalletId!]!): String!; defaultWallet: PublicWallet!; defaultWalletId: WalletId!; displayCurrency:
    DisplayCurrency!; id: ID!; invoices(after: String, before: String, first: Int, last: Int, walletIds:
    [WalletId]): InvoiceConnection; level: AccountLevel!; limits: AccountLimits!; notificationSettings:
    NotificationSettings!; pendingIncomingTransactions(walletIds: [WalletId]): [Transaction!]!; realtimePrice:
    RealtimePrice!; transactions(after: String, before: String, first: Int, last: Int, walletIds: [WalletId]):
    TransactionConnection; walletById(walletId: WalletId!): Wallet!; wallets: [Wallet!]!
AccountLevel = ONE, THREE, TWO, ZERO
AccountLevelLimits = convert: CentAmount!; internalSend: CentAmount!; interval: Seconds!; level: AccountLevel!;
    withdrawal: CentAmount!
AccountLimit = interval: Seconds; remainingLimit: CentAmount; totalLimit: CentAmount!
AccountLimits = convert: [AccountLimit!]!; internalSend: [AccountLimit!]!; withdrawal: [AccountLimit!]!
AuthTokenPayload = authToken: AuthToken; errors: [Error!]!; totpRequired: Boolean
Authorization = scopes: [Scope!]!
BTCWallet implements Wallet = accountId: ID!; balance: SignedAmount!; id: ID!; invoiceByPaymentHash(paymentHash:
    PaymentHash!): Invoice!; invoices(after: String, before: String, first: Int, last: Int): InvoiceConnection;
    pendingIncomingBalance: SignedAmount!; pendingIncomingTransactions: [Transaction!]!;
    pendingIncomingTransactionsByAddress(address: OnChainAddress!): [Transaction!]!;
    transactionById(transactionId: ID!): Transaction!; transactions(after: String, before: String, first: Int,
    last: Int): TransactionConnection; transactionsByAddress(after: String, before: String, first: Int, last:
    Int, address: OnChainAddress!): TransactionConnection; transactionsByPaymentHash(paymentHash: PaymentHash!):
    [Transaction!]!; transactionsByPaymentRequest(paymentRequest: LnPaymentRequest!): [Transaction!]!;
    walletCurrency: WalletCurrency!
BlockInfo = blockHash: String; blockHeight: Int
BuildInformation = commitHash: String; helmRevision: Int
CaptchaCreateChallengePayload = errors: [Error!]!; result: CaptchaCreateChallengeResult
CaptchaCreateChallengeResult = challengeCode: String!; failbackMode: Boolean!; id: String!; newCaptcha: Boolean!
CaptchaRequestAuthCodeInput = challengeCode: String!; channel: PhoneCodeChannelType; phone: Phone!; secCode:
    String!; validationCode: String!
ConsumerAccount implements Account = callbackEndpoints: [CallbackEndpoint!]!; callbackPortalUrl: String!;
    csvTransactions(walletIds: [WalletId!]!): String!; defaultWallet: PublicWallet!; defaultWalletId: WalletId!;
    displayCurrency: DisplayCurrency!; id: ID!; invoices(after: String, before: String, first: Int, last: Int,
    walletIds: [WalletId]): InvoiceConnection; level: AccountLevel!; limits: AccountLimits!;
    notificationSettings: NotificationSettings!; pendingIncomingTransactions(walletIds: [WalletId]):
    [Transaction!]!; quiz: [Quiz!]!; realtimePrice: RealtimePrice!; transactions(after: String, before: String,
    first: Int, last: Int, walletIds: [WalletId]): TransactionConnection; walletById(walletId: WalletId!):
    Wallet!; wallets: [Wallet!]!
Country = id: CountryCode!; supportedAuthChannels: [PhoneCodeChannelType!]!
Currency = flag: String!; fractionDigits: Int!; id: ID!; name: String!; symbol: String!
DepositFeeTier = amount: String!; maxAmount: String
DepositFeesInformation = minBankFee: String!; minBankFeeThreshold: String!; ratio: String!; tiers:
    [DepositFeeTier!]!
Email = address: EmailAddress; verified: Boolean
Error = code: String; message: String!; path: [String]
ExchangeCurrencyUnit = BTCSAT, USDCENT
FeesInformation = deposit: DepositFeesInformation!
Globals = accountLimitsByLevel: [AccountLevelLimits!]!; blockInfo: BlockInfo; buildInformation:
    BuildInformation!; feesInformation: FeesInformation!; lightningAddressDomain: String!;
    lightningAddressDomainAliases: [String!]!; network: Network!; nodesIds: [String!]!; supportedCountries:
    [Country!]!
GraphQLApplicationError implements Error = code: String; message: String!; path: [String]
InitiationVia = InitiationViaIntraLedger, InitiationViaLn, InitiationViaOnChain
InitiationViaIntraLedger = counterPartyUsername: Username; counterPartyWalletId: WalletId
InitiationViaLn = paymentHash: PaymentHash!; paymentRequest: LnPaymentRequest!
InitiationViaOnChain = address: OnChainAddress!
IntraLedgerPaymentSendInput = amount: SatAmount!; memo: Memo; recipientWalletId: WalletId!; walletId: WalletId!
IntraLedgerUpdate = amount: SatAmount!; displayCurrencyPerSat: Float!; transaction: Transaction!;
    txNotificationType: TxNotificationType!; usdPerSat: Float!; walletId: WalletId!
IntraLedgerUsdPaymentSendInput = amount: CentAmount!; memo: Memo; recipientWalletId: WalletId!; walletId:
    WalletId!
Invoice = createdAt: Timestamp!; externalId: TxExternalId!; paymentHash: PaymentHash!; paymentRequest:
    LnPaymentRequest!; paymentSecret: LnPaymentSecret!; paymentStatus: InvoicePaymentStatus!
InvoiceConnection = edges: [InvoiceEdge!]; pageInfo: PageInfo!
InvoiceEdge = cursor: String!; node: Invoice!
InvoicePaymentStatus = EXPIRED, PAID, PENDING
LnInvoice implements Invoice = createdAt: Timestamp!; externalId: TxExternalId!; paymentHash: PaymentHash!;
    paymentRequest: LnPaymentRequest!; paymentSecret: LnPaymentSecret!; paymentStatus: InvoicePaymentStatus!;
    satoshis: SatAmount!
LnInvoiceCancelInput = paymentHash: PaymentHash!; walletId: WalletId!
LnInvoiceCreateInput = amount: SatAmount!; expiresIn: Minutes; externalId: TxExternalId; memo: Memo; walletId:
    WalletId!
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
LnNoAmountInvoice implements Invoice = createdAt: Timestamp!; externalId: TxExternalId!; paymentHash:
    PaymentHash!; paymentRequest: LnPaymentRequest!; paymentSecret: LnPaymentSecret!; paymentStatus:
    InvoicePaymentStatus!
LnNoAmountInvoiceCreateInput = expiresIn: Minutes; externalId: TxExternalId; memo: Memo; walletId: WalletId!
LnNoAmountInvoiceFeeProbeInput = amount: SatAmount!; paymentRequest: LnPaymentRequest!; walletId: WalletId!
LnNoAmountInvoicePayload = errors: [Error!]!; invoice: LnNoAmountInvoice
LnNoAmountInvoicePaymentInput = amount: SatAmount!; memo: Memo; paymentRequest: LnPaymentRequest!; walletId:
    WalletId!
LnUpdate = paymentHash: PaymentHash!; status: InvoicePaymentStatus!; transaction: Transaction!; walletId:
    WalletId!
MyUpdatesPayload = errors: [Error!]!; me: User; update: UserUpdate
Network = mainnet, regtest, signet, testnet
OnChainAddressCreateInput = walletId: WalletId!
OnChainAddressCurrentInput = walletId: WalletId!
OnChainAddressPayload = address: OnChainAddress; errors: [Error!]!
OnChainPaymentSendAllInput = address: OnChainAddress!; memo: Memo; speed: PayoutSpeed! = FAST; walletId: WalletId!
OnChainPaymentSendInput = address: OnChainAddress!; amount: SatAmount!; memo: Memo; speed: PayoutSpeed! = FAST;
    walletId: WalletId!
OnChainTxFee = amount: SatAmount!
OnChainUpdate = amount: SatAmount!; displayCurrencyPerSat: Float!; transaction: Transaction!; txHash:
    OnChainTxHash!; txNotificationType: TxNotificationType!; usdPerSat: Float!; walletId: WalletId!
OneDayAccountLimit implements AccountLimit = interval: Seconds; remainingLimit: CentAmount; totalLimit:
    CentAmount!
PageInfo = endCursor: String; hasNextPage: Boolean!; hasPreviousPage: Boolean!; startCursor: String
PaymentSendPayload = errors: [Error!]!; status: PaymentSendResult; transaction: Transaction
PaymentSendResult = ALREADY_PAID, FAILURE, PENDING, SUCCESS
PayoutSpeed = FAST, MEDIUM, SLOW
PayoutSpeeds = description: String!; displayName: String!; speed: PayoutSpeed!
PhoneCodeChannelType = SMS, TELEGRAM, WHATSAPP
Price = base: SafeInt!; currencyUnit: String!; formattedAmount: String!; offset: Int!
PriceInput = amount: SatAmount!; amountCurrencyUnit: ExchangeCurrencyUnit!; priceCurrencyUnit:
    ExchangeCurrencyUnit!
PriceInterface = base: SafeInt!; currencyUnit: String!; offset: Int!
PriceOfOneSatInMinorUnit implements PriceInterface = base: SafeInt!; currencyUnit: String!; offset: Int!
PriceOfOneSettlementMinorUnitInDisplayMinorUnit implements PriceInterface = base: SafeInt!; currencyUnit:
    String!; formattedAmount: String!; offset: Int!
PriceOfOneUsdCentInMinorUnit implements PriceInterface = base: SafeInt!; currencyUnit: String!; offset: Int!
PricePayload = errors: [Error!]!; price: Price
PublicWallet = currency: WalletCurrency!; id: ID!; walletCurrency: WalletCurrency!
RealtimePrice = btcSatPrice: PriceOfOneSatInMinorUnit!; denominatorCurrency: DisplayCurrency!;
    denominatorCurrencyDetails: Currency!; id: ID!; timestamp: Timestamp!; usdCentPrice:
    PriceOfOneUsdCentInMinorUnit!
RealtimePriceInput = currency: DisplayCurrency = "USD"
RealtimePricePayload = errors: [Error!]!; realtimePrice: RealtimePrice
SatAmountPayload = amount: SatAmount; errors: [Error!]!
Scope = READ, RECEIVE, WRITE
SettlementVia = SettlementViaIntraLedger, SettlementViaLn, SettlementViaOnChain
SettlementViaIntraLedger = counterPartyUsername: Username; counterPartyWalletId: WalletId; preImage:
    LnPaymentPreImage
SettlementViaLn = paymentSecret: LnPaymentSecret; preImage: LnPaymentPreImage
SettlementViaOnChain = arrivalInMempoolEstimatedAt: Timestamp; transactionHash: OnChainTxHash; vout: Int
SuccessPayload = errors: [Error!]!; success: Boolean
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
UsdWallet implements Wallet = accountId: ID!; balance: SignedAmount!; id: ID!; invoiceByPaymentHash(paymentHash:
    PaymentHash!): Invoice!; invoices(after: String, before: String, first: Int, last: Int): InvoiceConnection;
    pendingIncomingBalance: SignedAmount!; pendingIncomingTransactions: [Transaction!]!;
    pendingIncomingTransactionsByAddress(address: OnChainAddress!): [Transaction!]!;
    transactionById(transactionId: ID!): Transaction!; transactions(after: String, before: String, first: Int,
    last: Int): TransactionConnection; transactionsByAddress(after: String, before: String, first: Int, last:
    Int, address: OnChainAddress!): TransactionConnection; transactionsByPaymentHash(paymentHash: PaymentHash!):
    [Transaction!]!; transactionsByPaymentRequest(paymentRequest: LnPaymentRequest!): [Transaction!]!;
    walletCurrency: WalletCurrency!
User = apiKeys: [ApiKey!]!; contactByUsername(username: Username!): UserContact!; contacts: [UserContact!]!;
    createdAt: Timestamp!;
    defaultAccount: Account!; email: Email; id: ID!; language: Language!; phone: Phone; supportChat:
    [SupportMessage!]!; totpEnabled: Boolean!; username: Username
UserLoginInput = code: OneTimeAuthCode!; phone: Phone!
UserLogoutInput = deviceToken: String!
UserUpdate = IntraLedgerUpdate, LnUpdate, OnChainUpdate, Price, RealtimePrice
UserUpdateUsernameInput = username: Username!
UserUpdateUsernamePayload = errors: [Error!]!; user: User
Wallet = accountId: ID!; balance: SignedAmount!; id: ID!; invoiceByPaymentHash(paymentHash: PaymentHash!):
    Invoice!; invoices(after: String, before: String, first: Int, last: Int): InvoiceConnection;
    pendingIncomingBalance: SignedAmount!; pendingIncomingTransactions: [Transaction!]!;
    pendingIncomingTransactionsByAddress(address: OnChainAddress!): [Transaction!]!;
    transactionById(transactionId: ID!): Transaction!; transactions(after: String, before: String, first: Int,
    last: Int): TransactionConnection; transactionsByAddress(after: String, before: String, first: Int, last:
    Int, address: OnChainAddress!): TransactionConnection; transactionsByPaymentHash(paymentHash: PaymentHash!):
    [Transaction!]!; transactionsByPaymentRequest(paymentRequest: LnPaymentRequest!): [Transaction!]!;
    walletCurrency: WalletCurrency!
WalletCurrency = BTC, USD
"""

QUERY = """
accountDefaultWallet(username: Username!, walletCurrency: WalletCurrency): PublicWallet!
authorization: Authorization!
currencyList: [Currency!]!
globals: Globals
lnInvoicePaymentStatus(input: LnInvoicePaymentStatusInput!): LnInvoicePaymentStatusPayload!
lnInvoicePaymentStatusByHash(input: LnInvoicePaymentStatusByHashInput!): LnInvoicePaymentStatus!
lnInvoicePaymentStatusByPaymentRequest(input: LnInvoicePaymentStatusByPaymentRequestInput!): LnInvoicePaymentStatus!
me: User
onChainTxFee(
    address: OnChainAddress!, amount: SatAmount!, speed: PayoutSpeed! = FAST, walletId: WalletId!): OnChainTxFee!
payoutSpeeds: [PayoutSpeeds!]!
realtimePrice(currency: DisplayCurrency = "USD"): RealtimePrice!
userDefaultWalletId(username: Username!): WalletId!
usernameAvailable(username: Username!): Boolean
"""

MUTATION = """
apiKeyCreate(input: ApiKeyCreateInput!): ApiKeyCreatePayload!
apiKeyRemoveLimit(input: ApiKeyRemoveLimitInput!): ApiKeySetLimitPayload!
apiKeyRevoke(input: ApiKeyRevokeInput!): ApiKeyRevokePayload!
apiKeySetLimit(input: ApiKeySetLimitInput!): ApiKeySetLimitPayload!
captchaCreateChallenge: CaptchaCreateChallengePayload!
captchaRequestAuthCode(input: CaptchaRequestAuthCodeInput!): SuccessPayload!
intraLedgerPaymentSend(input: IntraLedgerPaymentSendInput!): PaymentSendPayload!
intraLedgerUsdPaymentSend(input: IntraLedgerUsdPaymentSendInput!): PaymentSendPayload!
lnInvoiceCancel(input: LnInvoiceCancelInput!): SuccessPayload!
lnInvoiceCreate(input: LnInvoiceCreateInput!): LnInvoicePayload!
lnInvoiceFeeProbe(input: LnInvoiceFeeProbeInput!): SatAmountPayload!
lnInvoicePaymentSend(input: LnInvoicePaymentInput!): PaymentSendPayload!
lnNoAmountInvoiceCreate(input: LnNoAmountInvoiceCreateInput!): LnNoAmountInvoicePayload!
lnNoAmountInvoiceFeeProbe(input: LnNoAmountInvoiceFeeProbeInput!): SatAmountPayload!
lnNoAmountInvoicePaymentSend(input: LnNoAmountInvoicePaymentInput!): PaymentSendPayload!
onChainAddressCreate(input: OnChainAddressCreateInput!): OnChainAddressPayload!
onChainAddressCurrent(input: OnChainAddressCurrentInput!): OnChainAddressPayload!
onChainPaymentSend(input: OnChainPaymentSendInput!): PaymentSendPayload!
onChainPaymentSendAll(input: OnChainPaymentSendAllInput!): PaymentSendPayload!
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
userUpdateUsername(input: UserUpdateUsernameInput!): UserUpdateUsernamePayload!
"""

SUBSCRIPTION = """
lnInvoicePaymentStatus(input: LnInvoicePaymentStatusInput!): LnInvoicePaymentStatusPayload!
lnInvoicePaymentStatusByHash(input: LnInvoicePaymentStatusByHashInput!): LnInvoicePaymentStatusPayload!
lnInvoicePaymentStatusByPaymentRequest(
    input: LnInvoicePaymentStatusByPaymentRequestInput!): LnInvoicePaymentStatusPayload!
myUpdates: MyUpdatesPayload!
price(input: PriceInput!): PricePayload!
realtimePrice(input: RealtimePriceInput!): RealtimePricePayload!
"""

NOT_YET = {
    "Account": {"callbackEndpoints", "callbackPortalUrl", "csvTransactions", "notificationSettings"},
    "ConsumerAccount": {"callbackEndpoints", "callbackPortalUrl", "csvTransactions", "notificationSettings", "quiz"},
    "User": {"contactByUsername", "contacts", "supportChat"},
}

OURS = {
    "User": {"sessions"},
    "SettlementViaOnChain": {"confirmations", "confirmationsNeeded"},
    "Mutation": {"sessionRevoke"},
}
OUR_TYPES = {"Session", "SessionRevokeInput"}
